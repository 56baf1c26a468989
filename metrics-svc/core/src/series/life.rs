//! When a series was made, when it was last written to, and whether it has expired.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::UnixTime;

/// Mark of a series that is no longer shown.
const EXPIRED: u64 = u64::MAX;
/// Writes within this of the last one need not be noted: expiry looks at longer times.
const RESOLUTION_MILLIS: u64 = 1000;

/// Times of one series, in milliseconds since the Unix epoch.
#[derive(Debug)]
pub(super) struct Life {
    /// 0: unknown.
    created: AtomicU64,
    /// Of the last write through the registry, 0 before the first, or [`EXPIRED`].
    updated: AtomicU64,
}

impl Life {
    pub(super) fn new(created: Option<UnixTime>) -> Self {
        Self { created: AtomicU64::new(created.map_or(0, millis)), updated: AtomicU64::new(0) }
    }

    /// 0: unknown.
    pub(super) fn created_millis(&self) -> u64 {
        self.created.load(Relaxed)
    }

    pub(super) fn created(&self) -> Option<UnixTime> {
        Some(self.created.load(Relaxed)).filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    pub(super) fn updated(&self) -> Option<UnixTime> {
        let updated = Some(self.updated.load(Relaxed));
        updated.filter(|millis| !matches!(*millis, 0 | EXPIRED)).map(Duration::from_millis)
    }

    /// Notes a write at `now`; false when the series has expired and takes no more.
    ///
    /// Mostly one load. A writer that stops between this and its write for longer than a series may be idle writes to
    /// one that has expired: of a counter nothing is lost, since it comes back as it is.
    pub(super) fn touch(&self, now: UnixTime) -> bool {
        let now = millis(now);
        let seen = self.updated.load(Relaxed);
        if seen != 0 && seen != EXPIRED && now < seen.saturating_add(RESOLUTION_MILLIS) {
            return true;
        }
        let newer = |old| (old != EXPIRED).then(|| now.max(old));
        self.updated.fetch_update(Relaxed, Relaxed, newer).is_ok()
    }

    /// Whether the last write through the registry is older than `deadline`.
    pub(super) fn is_idle(&self, deadline: UnixTime) -> bool {
        let updated = self.updated.load(Relaxed);
        updated != 0 && updated < millis(deadline)
    }

    /// Marks the series expired if it is idle.
    ///
    /// One atomic word holds both the time and the mark, so that no write is noted in between.
    pub(super) fn expire(&self, deadline: UnixTime) -> bool {
        let updated = self.updated.load(Relaxed);
        let idle = updated != 0 && updated < millis(deadline);
        idle && self.updated.compare_exchange(updated, EXPIRED, Relaxed, Relaxed).is_ok()
    }

    /// Marks the series expired, however busy it is.
    pub(super) fn end(&self) {
        self.updated.store(EXPIRED, Relaxed);
    }

    /// Lets an expired series live again.
    pub(super) fn revive(&self) {
        // Whoever has the series already may have done so.
        let _ = self.updated.compare_exchange(EXPIRED, 0, Relaxed, Relaxed);
    }

    pub(super) fn restore(&self, created: Option<UnixTime>, updated: Option<UnixTime>) {
        self.created.store(created.map_or(0, millis), Relaxed);
        self.updated.store(updated.map_or(0, millis), Relaxed);
    }
}

fn millis(time: UnixTime) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(EXPIRED - 1).min(EXPIRED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        Duration::from_secs(seconds)
    }

    #[test]
    fn expires_only_when_idle_and_takes_nothing_until_it_is_revived() {
        let life = Life::new(Some(at(40)));
        assert!(!life.expire(at(100)), "never touched");
        assert!(life.touch(at(50)));
        assert!(!life.expire(at(50)));
        assert!(life.expire(at(51)));
        assert!(!life.touch(at(60)));
        life.revive();
        assert!(life.touch(at(60)));
        assert_eq!((life.created(), life.updated()), (Some(at(40)), Some(at(60))));
    }

    #[test]
    fn a_clock_set_back_makes_nothing_older() {
        let life = Life::new(None);
        life.touch(at(50));
        life.touch(at(30));
        assert_eq!((life.created(), life.updated()), (None, Some(at(50))));
    }
}
