//! A total that only rises.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::sketch::finite;

/// Handle of a counter series; cheap to clone, lock-free to write.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Total>);

/// Whole increments take one atomic addition, others a compare-and-swap on the bits of an `f64`.
#[derive(Debug, Default)]
struct Total {
    whole: AtomicU64,
    rest: AtomicU64,
}

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.0.whole.fetch_add(1, Relaxed);
    }

    /// Adds `value`; ignored when negative or not finite, since a counter never falls.
    pub fn add(&self, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        let whole = value as u32;
        if f64::from(whole) == value {
            self.0.whole.fetch_add(whole.into(), Relaxed);
        } else {
            add_bits(&self.0.rest, value);
        }
    }

    /// The total.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.0.whole.load(Relaxed) as f64 + f64::from_bits(self.0.rest.load(Relaxed))
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
        let counter = Counter::default();
        counter.inc();
        counter.add(2.0);
        counter.add(0.5);
        counter.add(1e12);
        assert_eq!(counter.get(), 1e12 + 3.5);
    }

    #[test]
    fn never_falls() {
        let counter = Counter::default();
        for ignored in [-1.0, f64::NAN, f64::INFINITY] {
            counter.add(ignored);
        }
        assert_eq!(counter.get(), 0.0);
    }

    #[test]
    fn concurrent_increments_are_all_counted() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(0.5)));
                scope.spawn(|| (0..1000).for_each(|_| counter.inc()));
            }
        });
        assert_eq!(counter.get(), 6000.0);
    }
}
