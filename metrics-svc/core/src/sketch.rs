//! A DDSketch: quantiles of any distribution within a fixed relative error.
//!
//! A value falls into the bucket `ceil(scale · log2(|value|))`, with the logarithm interpolated between powers of two:
//! far cheaper than the true one, and no bucket is wider for it than [`RELATIVE_ACCURACY`] allows.

/// Greatest relative error of an observed value told by its rank: somewhat less than the 1 % that is promised, so that
/// rounding has room.
pub const RELATIVE_ACCURACY: f64 = 0.0095;

/// `ln((1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY))`, the width of the widest bucket.
const LN_GAMMA: f64 = 0.019_000_571_614_286_515;
/// Buckets for each doubling: the interpolated logarithm rises by at least 4/3 where the natural one rises by 1.
const SCALE: f64 = 0.75 / LN_GAMMA;
/// Buckets a sign may take: spans 62 decimal orders of magnitude. Beyond it, those nearest to zero fold together.
const MAX_BUCKETS: usize = 8192;
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_BIAS: i32 = f64::MAX_EXP - 1;
/// Buckets added at once in front of the first, so that falling values do not move the rest each time.
const FRONT_SLACK: usize = 32;

/// Counts per bucket of one sign.
#[derive(Clone, Debug, Default)]
struct Store {
    first: i32,
    counts: Vec<u64>,
}

impl Store {
    fn add(&mut self, key: i32, count: u64) {
        if self.counts.is_empty() {
            self.first = key;
        }
        if key < self.first {
            self.grow_front(key);
        }
        // A key that did not fit in front is folded into the first bucket.
        let mut index = offset(key.max(self.first), self.first);
        if index >= MAX_BUCKETS {
            self.fold_front(index + 1 - MAX_BUCKETS);
            index = offset(key, self.first);
        }
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += count;
    }

    fn grow_front(&mut self, key: i32) {
        let room = MAX_BUCKETS.saturating_sub(self.counts.len());
        let grown = (offset(self.first, key) + FRONT_SLACK).min(room);
        self.counts.splice(0..0, std::iter::repeat_n(0, grown));
        self.first -= grown as i32;
    }

    fn fold_front(&mut self, surplus: usize) {
        let surplus_stored = surplus.min(self.counts.len());
        let folded: u64 = self.counts.drain(..surplus_stored).sum();
        self.first += surplus as i32;
        match self.counts.first_mut() {
            Some(first) => *first += folded,
            None => self.counts.push(folded),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (key, count) in other.buckets() {
            self.add(key, count);
        }
    }

    /// Occupied buckets, away from zero.
    fn buckets(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> {
        let keyed = (self.first..).zip(&self.counts);
        let occupied: Vec<_> = keyed.filter(|(_, count)| **count > 0).collect();
        occupied.into_iter().map(|(key, count)| (key, *count))
    }
}

/// A mergeable sketch of a set of finite values.
#[derive(Clone, Debug)]
pub struct Sketch {
    positive: Store,
    negative: Store,
    zeros: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            positive: Store::default(),
            negative: Store::default(),
            zeros: 0,
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Sketch {
    /// Adds a value. What is not finite is ignored: it has no bucket.
    pub fn observe(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        self.sum = finite(self.sum + value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value.abs() < f64::MIN_POSITIVE {
            self.zeros += 1;
        } else if value > 0.0 {
            self.positive.add(key(value), 1);
        } else {
            self.negative.add(key(-value), 1);
        }
    }

    /// Adds everything that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
        self.zeros += other.zeros;
        self.count += other.count;
        self.sum = finite(self.sum + other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The value of rank `quantile · (count - 1)`, between two ranks in proportion to their distance; `None` without
    /// data or outside 0..=1.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        if self.count == 0 || !(0.0..=1.0).contains(&quantile) {
            return None;
        }
        let rank = quantile * (self.count - 1) as f64;
        let (below, beyond) = (rank as u64, rank.fract());
        let value = self.at_rank(below);
        if beyond == 0.0 {
            return Some(value);
        }
        Some(value * (1.0 - beyond) + self.at_rank(below + 1) * beyond)
    }

    /// How many values were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The least value; `None` without data.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The greatest value; `None` without data.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    fn at_rank(&self, rank: u64) -> f64 {
        if rank == 0 {
            return self.min;
        }
        if rank + 1 == self.count {
            return self.max;
        }
        let negative = self.negative.buckets().rev();
        let positive = self.positive.buckets();
        let mut seen = 0;
        negative
            .map(|(key, count)| (-midpoint(key), count))
            .chain([(0.0, self.zeros)])
            .chain(positive.map(|(key, count)| (midpoint(key), count)))
            .find_map(|(value, count)| {
                seen += count;
                (seen > rank).then_some(value)
            })
            .unwrap_or(self.max)
            .clamp(self.min, self.max)
    }
}

/// A sum of finite values, kept finite: what follows from an infinite one would be no number.
pub(crate) fn finite(sum: f64) -> f64 {
    sum.clamp(f64::MIN, f64::MAX)
}

/// Bucket of a positive value.
fn key(magnitude: f64) -> i32 {
    let bits = magnitude.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i32 - EXPONENT_BIAS;
    let mantissa = f64::from_bits((bits & MANTISSA_MASK) | 1.0_f64.to_bits()) - 1.0;
    let log2 = f64::from(exponent) + mantissa * (4.0 - mantissa) / 3.0;
    ceil(log2 * SCALE)
}

/// The greatest value of a bucket: what [`key`] undoes.
fn upper_bound(key: i32) -> f64 {
    let log2 = f64::from(key) / SCALE;
    let exponent = log2.floor();
    let mantissa = 2.0 - (4.0 - 3.0 * (log2 - exponent)).sqrt();
    (1.0 + mantissa) * exponent.exp2()
}

/// The value that is at most [`RELATIVE_ACCURACY`] away from everything in the bucket: the harmonic mean of its ends.
fn midpoint(key: i32) -> f64 {
    let (lower, upper) = (upper_bound(key - 1), upper_bound(key));
    lower * (2.0 / (1.0 + lower / upper))
}

/// Rounds up without the call that `f64::ceil` is on processors that lack an instruction for it.
fn ceil(value: f64) -> i32 {
    let truncated = value as i32;
    truncated + i32::from(f64::from(truncated) < value)
}

/// Distance of two keys, `from` not above `key`.
fn offset(key: i32, from: i32) -> usize {
    usize::try_from(key - from).unwrap_or(0)
}

#[cfg(test)]
#[path = "sketch_tests.rs"]
mod tests;
