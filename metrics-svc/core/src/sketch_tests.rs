//! The sketch against exact quantiles.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const QUANTILES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0];

fn sketch_of(values: &[f64]) -> Sketch {
    let mut sketch = Sketch::default();
    values.iter().for_each(|value| sketch.observe(*value));
    sketch
}

fn assert_accurate(mut values: Vec<f64>) {
    let sketch = sketch_of(&values);
    values.sort_by(f64::total_cmp);
    for quantile in QUANTILES {
        let rank = quantile * (values.len() - 1) as f64;
        let (below, above) = (values[rank as usize], values[rank.ceil() as usize]);
        let exact = below + (above - below) * rank.fract();
        let estimate = sketch.quantile(quantile).unwrap();
        // Between values of both signs the errors of both count, however near to zero the quantile is.
        let allowed = 0.01 * (below.abs() * (1.0 - rank.fract()) + above.abs() * rank.fract());
        assert!((estimate - exact).abs() <= allowed, "quantile {quantile}: {estimate} instead of {exact}");
    }
}

/// Evenly spread probabilities, mapped through an inverse distribution function.
fn distribution(inverse: impl Fn(f64) -> f64) -> Vec<f64> {
    (1..5000).map(|i| inverse(f64::from(i) / 5000.0)).collect()
}

#[test]
fn ln_gamma_is_what_it_says() {
    let exact = ((1.0 + RELATIVE_ACCURACY) / (1.0 - RELATIVE_ACCURACY)).ln();
    assert!((LN_GAMMA - exact).abs() < 1e-15);
}

#[test]
fn a_bucket_is_narrow_enough_and_holds_its_midpoint() {
    for bucket in -30_000..30_000 {
        let (lower, upper) = (upper_bound(bucket - 1), upper_bound(bucket));
        assert!((upper / lower).ln() <= LN_GAMMA * (1.0 + 1e-9), "bucket {bucket}");
        assert_eq!(key(midpoint(bucket)), bucket);
        assert_eq!(key(f64::midpoint(lower, upper)), bucket);
    }
}

#[test]
fn few_values_have_quantiles_between_them() {
    let near = |quantile: f64, expected: f64| {
        let estimate = sketch_of(&[1.0, 2.0, 4.0]).quantile(quantile).unwrap();
        assert!((estimate / expected - 1.0).abs() <= 0.01, "{estimate} instead of {expected}");
    };
    near(0.5, 2.0);
    near(0.9, 3.6);
    near(0.99, 3.96);
}

#[test]
fn named_distributions_are_within_the_accuracy() {
    assert_accurate(distribution(|p| p));
    assert_accurate(distribution(|p| (4.0 * (p - 0.5)).sinh().exp()));
    assert_accurate(distribution(|p| (1.0 - p).powf(-2.0)));
    assert_accurate(distribution(|p| if p < 0.7 { p } else { 1000.0 + p }));
    assert_accurate(vec![0.042; 1000]);
    assert_accurate(distribution(|p| p - 0.5));
}

#[test]
fn empty_has_no_quantile() {
    assert_eq!(Sketch::default().quantile(0.5), None);
    assert_eq!(sketch_of(&[1.0]).quantile(1.5), None);
    assert_eq!(sketch_of(&[f64::NAN, f64::INFINITY]).count(), 0);
}

#[test]
fn the_widest_range_stays_bounded_and_counts_everything() {
    let values = [1e-300, 1e300, 1e-200, 1.0, -1e300, -1e-300, 0.0];
    let sketch = sketch_of(&values);
    assert!(sketch.positive.counts.len() <= MAX_BUCKETS);
    assert_eq!(sketch.count(), 7);
    assert_eq!(sketch.quantile(1.0), Some(1e300));
    assert_eq!(sketch.quantile(0.0), Some(-1e300));
    let stored: u64 = sketch.positive.counts.iter().sum();
    assert_eq!(stored, 4);
}

proptest! {
    #[test]
    fn any_values_are_within_the_accuracy(values in prop::collection::vec(-1e12..1e12_f64, 1..300)) {
        assert_accurate(values);
    }

    #[test]
    fn any_magnitudes_are_within_the_accuracy(exponents in prop::collection::vec(-30.0..30.0_f64, 1..300)) {
        assert_accurate(exponents.into_iter().map(|exponent| 10_f64.powf(exponent)).collect());
    }

    #[test]
    fn merging_equals_observing_all(
        a in prop::collection::vec(-1e6..1e6_f64, 0..100),
        b in prop::collection::vec(-1e6..1e6_f64, 1..100),
    ) {
        let mut merged = sketch_of(&a);
        merged.merge(&sketch_of(&b));
        let whole = sketch_of(&[a, b].concat());
        for quantile in QUANTILES {
            prop_assert_eq!(merged.quantile(quantile), whole.quantile(quantile));
        }
        prop_assert_eq!(merged.count(), whole.count());
    }
}
