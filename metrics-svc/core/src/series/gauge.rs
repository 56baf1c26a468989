//! A value that goes up and down.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::counter::add_bits;
use crate::UnixTime;

/// Mark of a series that was dropped from the registry.
const EXPIRED: u64 = u64::MAX;

/// Handle of a gauge series; cheap to clone, lock-free to write.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Level>);

#[derive(Debug, Default)]
struct Level {
    bits: AtomicU64,
    /// Milliseconds since the Unix epoch of the last applied sample, 0 before the first, or [`EXPIRED`].
    updated: AtomicU64,
}

impl Gauge {
    /// Replaces the value; ignored when not finite.
    pub fn set(&self, value: f64) {
        if value.is_finite() {
            self.0.bits.store(value.to_bits(), Relaxed);
        }
    }

    /// Adds to the value, or subtracts; ignored when not finite.
    pub fn add(&self, value: f64) {
        if value.is_finite() {
            add_bits(&self.0.bits, value);
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
        f64::from_bits(self.0.bits.load(Relaxed))
    }

    /// Notes an update at `now`; false when the series has expired and takes no more.
    pub(super) fn touch(&self, now: UnixTime) -> bool {
        let now = millis(now);
        let touched =
            self.0.updated.fetch_update(Relaxed, Relaxed, |old| (old != EXPIRED).then(|| old.max(now)));
        touched.is_ok()
    }

    /// Marks the series expired if it was updated through the registry, last before `deadline`.
    ///
    /// One atomic word holds both the time and the mark, so that no update can slip in between.
    pub(crate) fn expire(&self, deadline: UnixTime) -> bool {
        let updated = self.0.updated.load(Relaxed);
        let idle = updated != 0 && updated < millis(deadline);
        let cell = &self.0.updated;
        idle && cell.compare_exchange(updated, EXPIRED, Relaxed, Relaxed).is_ok()
    }
}

fn millis(time: UnixTime) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(EXPIRED - 1).min(EXPIRED - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sets_and_changes() {
        let gauge = Gauge::default();
        gauge.set(4.0);
        gauge.inc();
        gauge.add(-2.5);
        gauge.dec();
        gauge.set(f64::NAN);
        assert_eq!(gauge.get(), 1.5);
    }

    #[test]
    fn stays_finite() {
        let gauge = Gauge::default();
        gauge.set(f64::MAX);
        gauge.add(f64::MAX);
        gauge.add(-f64::MAX);
        assert_eq!(gauge.get(), 0.0);
    }

    #[test]
    fn expires_only_when_idle_and_takes_nothing_afterwards() {
        let gauge = Gauge::default();
        assert!(!gauge.expire(Duration::from_secs(100)), "never touched");
        assert!(gauge.touch(Duration::from_secs(50)));
        assert!(!gauge.expire(Duration::from_secs(50)));
        assert!(gauge.expire(Duration::from_secs(51)));
        assert!(!gauge.touch(Duration::from_secs(60)));
    }
}
