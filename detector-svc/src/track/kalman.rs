//! Where a track's box is and where it is going: a Kalman filter of constant velocity.
//!
//! The state is centre x, centre y, aspect (width / height) and height, each with its velocity; its model and noise are
//! those of ByteTrack's reference implementation, which took them from DeepSORT (Wojke et al., ICIP 2017). There the
//! covariance is one 8x8 matrix; but motion, measurement and noise keep every coordinate apart from the others, so
//! that four filters of two states each are the same filter.

/// Deviation of a position, in heights of the box.
const POSITION: f64 = 1.0 / 20.0;
/// Deviation of a velocity, in heights of the box per frame interval.
const VELOCITY: f64 = 1.0 / 160.0;
/// Deviation of the aspect, at the start and in each frame interval.
const ASPECT: f64 = 1e-2;
/// Deviation of the aspect's velocity, at the start and in each frame interval.
const ASPECT_VELOCITY: f64 = 1e-5;
/// Deviation of a measured aspect.
const MEASURED_ASPECT: f64 = 1e-1;
/// Index of the aspect.
const ASPECT_AXIS: usize = 2;
/// Index of the height.
const HEIGHT_AXIS: usize = 3;

/// Filter of a box: centre x, centre y, aspect, height.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoxFilter([Axis; 4]);

impl BoxFilter {
    /// The filter after its first measurement: centre x, centre y, aspect, height.
    pub(super) fn new(measured: [f64; 4]) -> Self {
        let height = measured[HEIGHT_AXIS];
        let like_height = (2.0 * POSITION * height, 10.0 * VELOCITY * height);
        let deviations = by_axis(like_height, (ASPECT, ASPECT_VELOCITY));
        Self(std::array::from_fn(|axis| Axis::new(measured[axis], deviations[axis])))
    }

    /// Centre x, centre y, aspect and height.
    pub(super) fn shape(&self) -> [f64; 4] {
        self.0.map(|axis| axis.position)
    }

    /// Stops the change of height, for an object that is out of sight.
    pub(super) fn hold_height(&mut self) {
        self.0[HEIGHT_AXIS].velocity = 0.0;
    }

    /// Goes forward by so many frame intervals (at least 0; need not be whole).
    pub(super) fn predict(&mut self, intervals: f64) {
        let height = self.scale();
        let deviations = by_axis((POSITION * height, VELOCITY * height), (ASPECT, ASPECT_VELOCITY));
        for (axis, deviation) in self.0.iter_mut().zip(deviations) {
            axis.predict(intervals, deviation);
        }
    }

    /// Takes in a measurement: centre x, centre y, aspect, height.
    pub(super) fn correct(&mut self, measured: [f64; 4]) {
        let deviations = by_axis(POSITION * self.scale(), MEASURED_ASPECT);
        for ((axis, deviation), measured) in self.0.iter_mut().zip(deviations).zip(measured) {
            axis.correct(measured, deviation);
        }
    }

    /// The height that noise goes by. Not 0: without noise there would be nothing to weigh a measurement against.
    fn scale(&self) -> f64 {
        self.0[HEIGHT_AXIS].position.abs().max(f64::from(f32::MIN_POSITIVE))
    }
}

/// One value for the aspect and another for the other coordinates.
fn by_axis<T: Copy>(others: T, aspect: T) -> [T; 4] {
    std::array::from_fn(|axis| if axis == ASPECT_AXIS { aspect } else { others })
}

/// Filter of one coordinate and its velocity.
#[derive(Clone, Copy, Debug)]
struct Axis {
    position: f64,
    velocity: f64,
    position_variance: f64,
    covariance: f64,
    velocity_variance: f64,
}

impl Axis {
    fn new(position: f64, (deviation, velocity_deviation): (f64, f64)) -> Self {
        Self {
            position,
            velocity: 0.0,
            position_variance: deviation.powi(2),
            covariance: 0.0,
            velocity_variance: velocity_deviation.powi(2),
        }
    }

    /// Goes forward by `t` intervals, whose deviations are those of one. The polynomials are the sums of 1, i and i²
    /// over 0..t, by which t predictions of one interval add up the noise; they hold for any part of an interval too.
    fn predict(&mut self, t: f64, (deviation, velocity_deviation): (f64, f64)) {
        let (noise, velocity_noise) = (deviation.powi(2), velocity_deviation.powi(2));
        let sum = t * (t - 1.0) / 2.0;
        let sum_of_squares = sum * (2.0 * t - 1.0) / 3.0;
        self.position += t * self.velocity;
        self.position_variance += t * (2.0 * self.covariance + t * self.velocity_variance)
            + t * noise
            + sum_of_squares * velocity_noise;
        self.covariance += t * self.velocity_variance + sum * velocity_noise;
        self.velocity_variance += t * velocity_noise;
    }

    fn correct(&mut self, measured: f64, deviation: f64) {
        let noise = deviation.powi(2);
        let total = self.position_variance + noise;
        let gain = self.position_variance / total;
        let velocity_gain = self.covariance / total;
        let innovation = measured - self.position;
        self.position += gain * innovation;
        self.velocity += velocity_gain * innovation;
        // As differences these could fall below 0 by rounding.
        self.velocity_variance = (self.velocity_variance - velocity_gain * self.covariance).max(0.0);
        self.position_variance *= noise / total;
        self.covariance *= noise / total;
    }
}

#[cfg(test)]
#[path = "kalman_tests.rs"]
mod tests;
