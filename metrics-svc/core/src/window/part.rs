//! What was observed in one step of a window, once nothing more is added to it.

use serde::{Deserialize, Serialize};

use crate::sketch::{Buckets, Packed, Totals};

/// A closed step. Its buckets are packed: they are read when the step leaves the window, and seldom before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    /// Number of the step, counted from the Unix epoch.
    pub(super) step: u64,
    pub(super) totals: Totals,
    pub(super) buckets: Packed,
}

impl Part {
    /// Adds another part of the same step.
    pub(super) fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        let mut buckets = self.buckets.unpack();
        buckets.merge(&other.buckets.unpack());
        self.buckets = Packed::new(&buckets);
    }

    /// Whether its values can have these totals.
    pub(super) fn is_consistent(&self) -> bool {
        let count = self.buckets.unpack().count();
        count > 0 && self.totals.suit(count)
    }
}

/// The buckets of several parts together.
pub(super) fn sum(parts: &[Part]) -> Buckets {
    let mut sum = Buckets::default();
    parts.iter().for_each(|part| sum.merge(&part.buckets.unpack()));
    sum
}
