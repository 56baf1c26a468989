//! A DDSketch: quantiles of any distribution within a fixed relative error (Masson, Rim, Lee 2019).

mod atomic;
mod buckets;
mod mapping;
mod packed;
#[cfg(test)]
pub(crate) mod samples;
mod store;
mod totals;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use self::mapping::Place;
pub use self::mapping::RELATIVE_ACCURACY;
pub(crate) use self::{
    atomic::AtomicSketch,
    buckets::Buckets,
    packed::{MAX_COUNT, Packed},
    totals::{Totals, finite},
};

/// A mergeable sketch of a set of finite values.
///
/// Serialised it takes a byte or two for each bucket between the least and the greatest value, of which three decades
/// have 352. What is deserialised is checked: it can be read, merged and observed into like any other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct Sketch {
    buckets: Buckets,
    count: u64,
    totals: Totals,
}

#[derive(Serialize, Deserialize)]
struct State {
    totals: Totals,
    buckets: Packed,
}

/// Sum or extremes that no values have.
#[derive(Debug, thiserror::Error)]
#[error("{count} values have no sum of {}, from {} to {}", totals.sum, totals.min, totals.max)]
struct Inconsistent {
    count: u64,
    totals: Totals,
}

impl Sketch {
    pub(crate) fn new(buckets: Buckets, totals: Totals) -> Self {
        Self { count: buckets.count(), buckets, totals }
    }

    /// Adds a value. What is not finite is ignored: it has no bucket.
    pub fn observe(&mut self, value: f64) {
        if value.is_finite() {
            // Counters of 64 bits are never full.
            let _ = self.buckets.observe(value);
            self.count = self.count.saturating_add(1);
            self.totals.observe(value);
        }
    }

    /// Adds everything that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.merge(&other.buckets);
        self.count = self.count.saturating_add(other.count);
        self.totals.merge(&other.totals);
    }

    /// The value of rank `quantile · (count - 1)`, between two ranks in proportion to their distance; `None` without
    /// data or outside 0..=1.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        if self.count == 0 || !(0.0..=1.0).contains(&quantile) {
            return None;
        }
        let rank = quantile * (self.count - 1) as f64;
        let (below, beyond) = ((rank as u64).min(self.count - 1), rank.fract());
        let (value, next) = self.buckets.at_rank(below)?;
        let (value, next) = (self.told(below, value), self.told(below + 1, next));
        Some(if beyond == 0.0 { value } else { value * (1.0 - beyond) + next * beyond })
    }

    /// How many values were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.totals.sum
    }

    /// The least value; `None` without data.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.totals.min)
    }

    /// The greatest value; `None` without data.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.totals.max)
    }

    /// How many values are too near to zero, beside the greatest of their sign, for a bucket of their own: about 35
    /// decimal orders of magnitude below it they count as greater than they are. Every other is told within
    /// [`RELATIVE_ACCURACY`].
    #[must_use]
    pub fn collapsed(&self) -> u64 {
        self.buckets.collapsed()
    }

    /// The value of a rank, given what its bucket tells of it: least and greatest are known exactly.
    fn told(&self, rank: u64, value: f64) -> f64 {
        let (min, max) = (self.totals.min, self.totals.max);
        match rank {
            0 => min,
            last if last + 1 >= self.count => max,
            _ => value.clamp(min, max),
        }
    }
}

impl From<Sketch> for State {
    fn from(sketch: Sketch) -> Self {
        Self { totals: sketch.totals, buckets: Packed::new(&sketch.buckets) }
    }
}

impl TryFrom<State> for Sketch {
    type Error = Inconsistent;

    fn try_from(State { totals, buckets }: State) -> Result<Self, Inconsistent> {
        let sketch = Self::new(buckets.unpack(), totals);
        let count = sketch.count;
        if totals.suit(count) { Ok(sketch) } else { Err(Inconsistent { count, totals }) }
    }
}

#[cfg(test)]
mod tests;
