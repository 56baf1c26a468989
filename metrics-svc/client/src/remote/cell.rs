//! Values that gather in a handle until the next batch.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Relaxed, Release},
};

/// What a counter rose by since the last batch: never lost, however long the service is away.
///
/// Whole increments take one atomic addition, others a compare-and-swap on the bits of an `f64`.
#[derive(Debug, Default)]
pub(crate) struct Increment {
    whole: AtomicU64,
    rest: AtomicU64,
    /// Whether a batch has held it: a counter shows from 0 on, so that its first rise is seen as one.
    told: AtomicBool,
}

impl Increment {
    pub(crate) fn add_one(&self) {
        self.whole.fetch_add(1, Relaxed);
    }

    /// Ignores what is negative or not finite.
    pub(crate) fn add(&self, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        let whole = value as u32;
        if f64::from(whole) == value {
            self.whole.fetch_add(whole.into(), Relaxed);
        } else {
            add_bits(&self.rest, 0.0, value);
        }
    }

    /// Takes all of it, the first time even if it is 0; `None` when there is nothing to tell.
    pub(super) fn take(&self) -> Option<f64> {
        let whole = take(&self.whole);
        let rest = f64::from_bits(take(&self.rest));
        let sum = whole as f64 + rest;
        let news = sum > 0.0 || !self.told.load(Relaxed);
        if news {
            self.told.store(true, Relaxed);
        }
        news.then_some(sum)
    }
}

/// Idle counters are the most common: reading one leaves its cache line shared.
fn take(cell: &AtomicU64) -> u64 {
    match cell.load(Relaxed) {
        0 => 0,
        _ => cell.swap(0, Relaxed),
    }
}

/// A gauge's value, and whether the service knows it.
#[derive(Debug)]
pub(crate) struct Level {
    /// NaN before the first value, since no value is NaN.
    bits: AtomicU64,
    changed: AtomicBool,
}

impl Default for Level {
    fn default() -> Self {
        Self { bits: AtomicU64::new(f64::NAN.to_bits()), changed: AtomicBool::new(false) }
    }
}

impl Level {
    pub(crate) fn set(&self, value: f64) {
        if value.is_finite() {
            self.bits.store(value.to_bits(), Relaxed);
            self.changed.store(true, Release);
        }
    }

    pub(crate) fn add(&self, value: f64) {
        if value.is_finite() {
            add_bits(&self.bits, 0.0, value);
            self.changed.store(true, Release);
        }
    }

    /// The value if it changed since the last call; a change during the call is told by this or the next.
    pub(super) fn take_change(&self) -> Option<f64> {
        let changed = self.changed.load(Relaxed) && self.changed.swap(false, AcqRel);
        changed.then(|| f64::from_bits(self.bits.load(Relaxed)))
    }

    /// Makes the value count as changed if there is one.
    pub(super) fn refresh(&self) {
        if !f64::from_bits(self.bits.load(Relaxed)).is_nan() {
            self.changed.store(true, Release);
        }
    }
}

/// Adds to an `f64` kept as its bits; NaN counts as `unset`, and the sum stays finite.
fn add_bits(bits: &AtomicU64, unset: f64, value: f64) {
    // The closure never declines, so the update always succeeds.
    let _ = bits.fetch_update(Relaxed, Relaxed, |old| {
        let old = f64::from_bits(old);
        let old = if old.is_nan() { unset } else { old };
        Some((old + value).clamp(f64::MIN, f64::MAX).to_bits())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_increment_is_taken_once() {
        let increment = Increment::default();
        assert_eq!(increment.take(), Some(0.0));
        assert_eq!(increment.take(), None);
        increment.add_one();
        increment.add(2.5);
        increment.add(1e12);
        for ignored in [-1.0, f64::NAN, f64::INFINITY] {
            increment.add(ignored);
        }
        assert_eq!(increment.take(), Some(1e12 + 3.5));
        assert_eq!(increment.take(), None);
    }

    #[test]
    fn increments_taken_while_threads_add_are_complete() {
        let increment = Increment::default();
        let mut taken = 0.0;
        std::thread::scope(|scope| {
            let threads = [0.5, 1.0, 3.0].map(|value| {
                let increment = &increment;
                scope.spawn(move || (0..10_000).for_each(|_| increment.add(value)))
            });
            while !threads.iter().all(|thread| thread.is_finished()) {
                taken += increment.take().unwrap_or_default();
            }
        });
        taken += increment.take().unwrap_or_default();
        assert_eq!(taken, 45_000.0);
    }

    #[test]
    fn a_level_tells_its_last_value_once_a_change() {
        let level = Level::default();
        level.refresh();
        assert_eq!(level.take_change(), None);
        level.add(2.0);
        level.add(-0.5);
        level.set(f64::NAN);
        assert_eq!(level.take_change(), Some(1.5));
        assert_eq!(level.take_change(), None);
        level.refresh();
        assert_eq!(level.take_change(), Some(1.5));
    }
}
