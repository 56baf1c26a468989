//! A value that goes up and down.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Cell, Series, counter::add_bits};

/// Handle of a gauge series; cheap to clone, lock-free to write.
#[derive(Clone, Debug)]
pub struct Gauge(Series);

/// The bits of an `f64`.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicU64);

impl Level {
    pub(super) fn set(&self, value: f64) {
        if value.is_finite() {
            self.0.store(value.to_bits(), Relaxed);
        }
    }

    pub(super) fn add(&self, value: f64) {
        if value.is_finite() {
            add_bits(&self.0, value);
        }
    }

    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

impl Gauge {
    /// The handle, if the series is a gauge.
    pub(super) fn of(series: &Series) -> Option<Self> {
        matches!(series.cell(), Cell::Gauge(_)).then(|| Self(series.clone()))
    }

    /// Replaces the value; ignored when not finite.
    pub fn set(&self, value: f64) {
        if let Cell::Gauge(level) = self.0.cell() {
            level.set(value);
        }
    }

    /// Adds to the value, or subtracts; ignored when not finite.
    pub fn add(&self, value: f64) {
        if let Cell::Gauge(level) = self.0.cell() {
            level.add(value);
        }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> f64 {
        match self.0.cell() {
            Cell::Gauge(level) => level.get(),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_changes() {
        let level = Level::default();
        level.set(4.0);
        level.add(-2.5);
        level.set(f64::NAN);
        level.add(f64::INFINITY);
        assert_eq!(level.get(), 1.5);
    }

    #[test]
    fn stays_finite() {
        let level = Level::default();
        level.set(f64::MAX);
        level.add(f64::MAX);
        level.add(-f64::MAX);
        assert_eq!(level.get(), 0.0);
    }
}
