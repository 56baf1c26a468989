//! What of a set of values is known exactly.

use serde::{Deserialize, Serialize};

/// Sum and extremes of finite values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Default for Totals {
    fn default() -> Self {
        Self { sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Totals {
    #[inline]
    pub(crate) fn observe(&mut self, value: f64) {
        self.sum = finite(self.sum + value);
        // Seldom true after a while: quicker than to write the extremes each time.
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sum = finite(self.sum + other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Whether no value was observed.
    pub(crate) fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// Whether `count` finite values can have these totals.
    pub(crate) fn suit(&self, count: u64) -> bool {
        let ordered = self.min.is_finite() && self.max.is_finite() && self.min <= self.max;
        if count == 0 { *self == Self::default() } else { ordered && self.sum.is_finite() }
    }
}

/// A sum of finite values, kept finite: what follows from an infinite one would be no number.
#[inline]
pub(crate) fn finite(sum: f64) -> f64 {
    sum.clamp(f64::MIN, f64::MAX)
}
