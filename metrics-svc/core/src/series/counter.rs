//! A total that only rises.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::{Cell, Series};
use crate::sketch::finite;

/// Handle of a counter series; cheap to clone, lock-free to write.
#[derive(Clone, Debug)]
pub struct Counter(Series);

/// Whole increments take one atomic addition, others a compare-and-swap on the bits of an `f64`.
#[derive(Debug, Default)]
pub(super) struct Total {
    whole: AtomicU64,
    rest: AtomicU64,
}

/// A counter's total, for keeping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    whole: u64,
    rest: f64,
}

impl Total {
    fn inc(&self) {
        self.whole.fetch_add(1, Relaxed);
    }

    pub(super) fn add(&self, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        let whole = value as u32;
        if f64::from(whole) == value {
            self.whole.fetch_add(whole.into(), Relaxed);
        } else {
            add_bits(&self.rest, value);
        }
    }

    pub(super) fn get(&self) -> f64 {
        self.whole.load(Relaxed) as f64 + f64::from_bits(self.rest.load(Relaxed))
    }

    pub(super) fn state(&self) -> CounterState {
        CounterState { whole: self.whole.load(Relaxed), rest: f64::from_bits(self.rest.load(Relaxed)) }
    }

    /// Goes on from a total that was kept; one that cannot have been is taken for nothing.
    pub(super) fn restore(&self, state: CounterState) {
        self.whole.store(state.whole, Relaxed);
        let rest = Some(state.rest).filter(|rest| rest.is_finite() && *rest >= 0.0);
        self.rest.store(rest.unwrap_or_default().to_bits(), Relaxed);
    }
}

impl Counter {
    /// The handle, if the series is a counter.
    pub(super) fn of(series: &Series) -> Option<Self> {
        matches!(series.cell(), Cell::Counter(_)).then(|| Self(series.clone()))
    }

    /// Adds one.
    pub fn inc(&self) {
        if let Cell::Counter(total) = self.0.cell() {
            total.inc();
        }
    }

    /// Adds `value`; ignored when negative or not finite, since a counter never falls.
    pub fn add(&self, value: f64) {
        if let Cell::Counter(total) = self.0.cell() {
            total.add(value);
        }
    }

    /// The total.
    #[must_use]
    pub fn get(&self) -> f64 {
        match self.0.cell() {
            Cell::Counter(total) => total.get(),
            _ => 0.0,
        }
    }
}

/// Adds to an `f64` kept as its bits; the sum stays finite.
pub(super) fn add_bits(bits: &AtomicU64, value: f64) {
    // The closure never declines, so the update always succeeds.
    let _ = bits.fetch_update(Relaxed, Relaxed, |old| Some(finite(f64::from_bits(old) + value).to_bits()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_fractional_increments_add_up() {
        let total = Total::default();
        total.inc();
        total.add(2.0);
        total.add(0.5);
        total.add(1e12);
        assert_eq!(total.get(), 1e12 + 3.5);
        let kept = Total::default();
        kept.restore(total.state());
        assert_eq!(kept.get(), total.get());
    }

    #[test]
    fn never_falls() {
        let total = Total::default();
        for ignored in [-1.0, f64::NAN, f64::INFINITY] {
            total.add(ignored);
        }
        assert_eq!(total.get(), 0.0);
    }

    #[test]
    fn a_state_that_no_counter_has_counts_as_nothing() {
        let total = Total::default();
        total.restore(CounterState { whole: 2, rest: f64::NAN });
        assert_eq!(total.get(), 2.0);
        total.restore(CounterState { whole: 2, rest: -7.0 });
        assert_eq!(total.get(), 2.0);
    }

    #[test]
    fn concurrent_increments_are_all_counted() {
        let total = Total::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| total.add(0.5)));
                scope.spawn(|| (0..1000).for_each(|_| total.inc()));
            }
        });
        assert_eq!(total.get(), 6000.0);
    }
}
