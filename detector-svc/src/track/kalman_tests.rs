//! The four filters are the one of eight states.

use proptest::prelude::*;

use super::*;

type Matrix<const R: usize, const C: usize> = [[f64; C]; R];

fn product<const R: usize, const K: usize, const C: usize>(
    a: &Matrix<R, K>,
    b: &Matrix<K, C>,
) -> Matrix<R, C> {
    std::array::from_fn(|r| std::array::from_fn(|c| (0..K).map(|k| a[r][k] * b[k][c]).sum()))
}

fn transposed<const R: usize, const C: usize>(a: &Matrix<R, C>) -> Matrix<C, R> {
    std::array::from_fn(|c| std::array::from_fn(|r| a[r][c]))
}

fn sum<const R: usize, const C: usize>(a: &Matrix<R, C>, b: &Matrix<R, C>, sign: f64) -> Matrix<R, C> {
    std::array::from_fn(|r| std::array::from_fn(|c| a[r][c] + sign * b[r][c]))
}

fn diagonal<const N: usize>(deviations: [f64; N]) -> Matrix<N, N> {
    std::array::from_fn(|r| std::array::from_fn(|c| if r == c { deviations[r].powi(2) } else { 0.0 }))
}

/// Gauss-Jordan elimination.
fn inverse(mut a: Matrix<4, 4>) -> Matrix<4, 4> {
    let mut result = diagonal([1.0; 4]);
    for pivot in 0..4 {
        let scale = a[pivot][pivot];
        (0..4).for_each(|c| {
            a[pivot][c] /= scale;
            result[pivot][c] /= scale;
        });
        for row in (0..4).filter(|row| *row != pivot) {
            let factor = a[row][pivot];
            for c in 0..4 {
                a[row][c] -= factor * a[pivot][c];
                result[row][c] -= factor * result[pivot][c];
            }
        }
    }
    result
}

/// The textbook's filter: eight states, full matrices, one frame interval a step.
struct Naive {
    mean: Matrix<8, 1>,
    covariance: Matrix<8, 8>,
}

impl Naive {
    fn new([x, y, aspect, h]: [f64; 4]) -> Self {
        let deviations = [h / 10.0, h / 10.0, 1e-2, h / 10.0, h / 16.0, h / 16.0, 1e-5, h / 16.0];
        let mean = [x, y, aspect, h, 0.0, 0.0, 0.0, 0.0].map(|value| [value]);
        Self { mean, covariance: diagonal(deviations) }
    }

    fn predict(&mut self) {
        let h = self.mean[3][0];
        let noise = diagonal([h / 20.0, h / 20.0, 1e-2, h / 20.0, h / 160.0, h / 160.0, 1e-5, h / 160.0]);
        let mut motion = diagonal([1.0; 8]);
        (0..4).for_each(|axis| motion[axis][axis + 4] = 1.0);
        self.mean = product(&motion, &self.mean);
        let moved = product(&product(&motion, &self.covariance), &transposed(&motion));
        self.covariance = sum(&moved, &noise, 1.0);
    }

    fn correct(&mut self, measured: [f64; 4]) {
        let h = self.mean[3][0];
        let mut seen: Matrix<4, 8> = [[0.0; 8]; 4];
        (0..4).for_each(|axis| seen[axis][axis] = 1.0);
        let noise = diagonal([h / 20.0, h / 20.0, 1e-1, h / 20.0]);
        let total = sum(&product(&product(&seen, &self.covariance), &transposed(&seen)), &noise, 1.0);
        let gain = product(&product(&self.covariance, &transposed(&seen)), &inverse(total));
        let innovation = sum(&measured.map(|value| [value]), &product(&seen, &self.mean), -1.0);
        self.mean = sum(&self.mean, &product(&gain, &innovation), 1.0);
        let taken = product(&product(&gain, &total), &transposed(&gain));
        self.covariance = sum(&self.covariance, &taken, -1.0);
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 + 1e-7 * a.abs().max(b.abs())
}

fn same(filter: &BoxFilter, naive: &Naive) -> bool {
    filter.0.iter().enumerate().all(|(i, axis)| {
        near(axis.position, naive.mean[i][0])
            && near(axis.velocity, naive.mean[i + 4][0])
            && near(axis.position_variance, naive.covariance[i][i])
            && near(axis.covariance, naive.covariance[i][i + 4])
            && near(axis.velocity_variance, naive.covariance[i + 4][i + 4])
    })
}

fn equal(a: &BoxFilter, b: &BoxFilter) -> bool {
    a.0.iter().zip(&b.0).all(|(a, b)| {
        near(a.position, b.position)
            && near(a.velocity, b.velocity)
            && near(a.position_variance, b.position_variance)
            && near(a.covariance, b.covariance)
            && near(a.velocity_variance, b.velocity_variance)
    })
}

fn shape() -> impl Strategy<Value = [f64; 4]> {
    (0.0..1000.0, 0.0..1000.0, 0.2..3.0, 10.0..300.0).prop_map(|(x, y, aspect, h)| [x, y, aspect, h])
}

proptest! {
    #[test]
    fn four_filters_are_the_one_of_eight_states(
        first in shape(),
        steps in prop::collection::vec(prop::option::weighted(0.8, shape()), 0..40),
    ) {
        let (mut filter, mut naive) = (BoxFilter::new(first), Naive::new(first));
        for step in steps {
            if step.is_none() {
                filter.hold_height();
                naive.mean[7][0] = 0.0;
            }
            filter.predict(1.0);
            naive.predict();
            prop_assert!(same(&filter, &naive), "{filter:?} {:?} {:?}", naive.mean, naive.covariance);
            if let Some(measured) = step {
                filter.correct(measured);
                naive.correct(measured);
                prop_assert!(same(&filter, &naive), "{filter:?} {:?} {:?}", naive.mean, naive.covariance);
            }
        }
    }

    #[test]
    fn two_predictions_are_one_over_both_times(
        first in shape(),
        second in shape(),
        (a, b) in (0.0..20.0f64, 0.0..20.0f64),
    ) {
        let mut once = BoxFilter::new(first);
        once.predict(1.0);
        once.correct(second);
        // Noise goes by the height, so it must stand still for the two to be equal.
        once.hold_height();
        let mut twice = once;
        once.predict(a + b);
        twice.predict(a);
        twice.predict(b);
        prop_assert!(equal(&once, &twice), "{once:?} {twice:?}");
    }
}

#[test]
fn no_time_changes_nothing() {
    let mut filter = BoxFilter::new([50.0, 60.0, 0.5, 40.0]);
    filter.predict(1.0);
    filter.correct([52.0, 61.0, 0.5, 41.0]);
    let mut later = filter;
    later.predict(0.0);
    assert!(equal(&filter, &later));
}

#[test]
fn a_box_that_moves_evenly_is_followed() {
    let at = |frame: f64| [100.0 + 4.0 * frame, 80.0 - 2.0 * frame, 0.5, 60.0];
    let mut filter = BoxFilter::new(at(0.0));
    for frame in 1..60 {
        filter.predict(1.0);
        filter.correct(at(f64::from(frame)));
    }
    filter.predict(10.0);
    let [x, y, ..] = filter.shape();
    let [expected_x, expected_y, ..] = at(69.0);
    assert!((x - expected_x).abs() < 0.5 && (y - expected_y).abs() < 0.5, "{x} {y}");
}
