//! Values of named distributions, and their exact quantiles.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A distribution to draw from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Uniform,
    Lognormal,
    /// With the exponent 1.1, whose variance is infinite.
    Pareto,
    Bimodal,
    Constant,
    /// Rises a thousandfold from the first value to the last.
    Drifting,
    /// Three decades, each as likely as the others.
    LogUniform,
}

pub(crate) const SHAPES: [Shape; 7] = [
    Shape::Uniform,
    Shape::Lognormal,
    Shape::Pareto,
    Shape::Bimodal,
    Shape::Constant,
    Shape::Drifting,
    Shape::LogUniform,
];

impl Shape {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        prop::sample::select(&SHAPES[..])
    }

    /// The same values for the same seed.
    pub(crate) fn values(self, seed: u64, count: usize) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(seed);
        let values = (0..count).map(|index| self.value(&mut random, index as f64 / count as f64));
        values.collect()
    }

    fn value(self, random: &mut StdRng, progress: f64) -> f64 {
        let p: f64 = random.random();
        match self {
            Self::Uniform => p,
            // Within three decades but for one value in two million.
            Self::Lognormal => 0.02 * (0.7 * normal(random)).exp(),
            Self::Pareto => (1.0 - p).powf(-1.0 / 1.1),
            Self::Bimodal if p < 0.7 => 0.01 + 0.001 * normal(random),
            Self::Bimodal => 2.0 + 0.3 * normal(random),
            Self::Constant => 0.042,
            Self::Drifting => 0.001 * 1000_f64.powf(progress) * (1.0 + 0.2 * p),
            Self::LogUniform => 0.001 * 1000_f64.powf(p),
        }
    }
}

/// A standard normal value, by Box and Muller.
fn normal(random: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// The exact quantile of sorted values, and how far an estimate of it may be off: 1 % of the values of both ranks that
/// it lies between. If their signs differ the errors of both count, however near to zero the quantile is.
pub(crate) fn exact(sorted: &[f64], quantile: f64) -> (f64, f64) {
    let rank = quantile * (sorted.len() - 1) as f64;
    let (below, above, beyond) = (sorted[rank as usize], sorted[rank.ceil() as usize], rank.fract());
    let allowed = 0.01 * (below.abs() * (1.0 - beyond) + above.abs() * beyond);
    (below * (1.0 - beyond) + above * beyond, allowed)
}
