//! Medians and ratios.

use crate::measure::Cost;

/// Costs of one part, round by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part(Vec<Cost>);

impl Part {
    pub(crate) fn push(&mut self, cost: Cost) {
        self.0.push(cost);
    }

    /// Median of the nanoseconds of one value.
    pub(crate) fn nanoseconds(&self) -> f64 {
        median(self.0.iter().map(Cost::nanoseconds))
    }

    /// Median of the millions of values that a second of one core's time takes.
    pub(crate) fn millions_a_core(&self) -> f64 {
        1e3 / self.nanoseconds()
    }

    /// Median of the millions of values in a second of wall time.
    pub(crate) fn millions_a_second(&self) -> f64 {
        median(self.0.iter().map(Cost::rate)) / 1e6
    }

    /// How many times the time of `other` a value takes: the median round by round, so that what drifts drops out.
    pub(crate) fn times(&self, other: &Self) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(this, that)| this.nanoseconds() / that.nanoseconds()))
    }

    /// How many times the rate of `other`, by wall time.
    pub(crate) fn times_the_rate(&self, other: &Self) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(this, that)| this.rate() / that.rate()))
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the values lies.
pub(crate) fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(share * (values.len() - 1) as f64).round() as usize]
}
