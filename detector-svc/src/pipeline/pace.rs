//! When a batch that is gathered now will have been looked at.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Weight of the last run in the typical duration: 1 of this many.
const SMOOTHING: u64 = 4;
/// Stands for the time of a run while there is none.
const IDLE: u64 = u64::MAX;

/// What the inference thread tells of its runs, and the batcher plans with.
#[derive(Debug)]
pub(crate) struct Pace {
    epoch: Instant,
    /// When the present run began, nanoseconds since `epoch`.
    running_since: AtomicU64,
    /// How long a run takes, in nanoseconds: an exponentially weighted average.
    typical: AtomicU64,
}

impl Pace {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self { epoch, running_since: AtomicU64::new(IDLE), typical: AtomicU64::new(0) }
    }

    /// A run begins.
    pub(super) fn begin(&self, now: Instant) {
        self.running_since.store(nanos(now.duration_since(self.epoch)), Relaxed);
    }

    /// The run that began has taken `took`.
    pub(super) fn end(&self, took: Duration) {
        self.running_since.store(IDLE, Relaxed);
        let (typical, took) = (self.typical.load(Relaxed), nanos(took));
        let smoothed = if typical == 0 { took } else { typical - typical / SMOOTHING + took / SMOOTHING };
        self.typical.store(smoothed, Relaxed);
    }

    /// When a batch that is ready at `now` will have been run, at the earliest: after what is left of the present run.
    /// For the `first` image of a batch nothing is foretold while no run is in progress: one that was held up must not
    /// end all others, since only another run can put it right.
    pub(super) fn done(&self, now: Instant, first: bool) -> Instant {
        let typical = Duration::from_nanos(self.typical.load(Relaxed));
        let left = match self.running_since.load(Relaxed) {
            IDLE if first => return now,
            IDLE => Duration::ZERO,
            since => (self.epoch + Duration::from_nanos(since) + typical).saturating_duration_since(now),
        };
        now + left + typical
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_what_is_left_of_the_present_run() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let pace = Pace::new(start);
        assert_eq!(pace.done(at(5), false), at(5), "nothing is known yet");
        pace.begin(at(0));
        pace.end(Duration::from_millis(40));
        assert_eq!(pace.done(at(50), false), at(90));
        pace.begin(at(50));
        assert_eq!(pace.done(at(60), true), at(130));
        assert_eq!(pace.done(at(200), true), at(240), "a run that takes longer than usual ends any moment");
        pace.end(Duration::from_millis(80));
        assert_eq!(pace.done(at(200), false), at(250));
    }

    #[test]
    fn a_run_that_was_held_up_does_not_end_all_others() {
        let start = Instant::now();
        let pace = Pace::new(start);
        pace.begin(start);
        pace.end(Duration::from_secs(10));
        let now = start + Duration::from_secs(10);
        assert_eq!(pace.done(now, true), now, "the next image is looked at");
        assert_eq!(pace.done(now, false), now + Duration::from_secs(10));
        for _ in 0..20 {
            pace.begin(now);
            pace.end(Duration::from_millis(40));
        }
        assert!(pace.done(now, false) < now + Duration::from_millis(100), "and shows how long it takes");
    }
}
