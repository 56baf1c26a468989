//! Times a piece of work.

use std::time::{Duration, Instant};

use super::DistributionTarget;

/// Records the seconds from its start until it is stopped or dropped, on every way out of a scope.
#[derive(Debug)]
#[must_use = "a timer that is dropped at once has timed nothing"]
pub struct MetricsTimer {
    started: Instant,
    /// None once there is nothing left to record.
    target: Option<DistributionTarget>,
}

impl MetricsTimer {
    pub(super) fn start(target: DistributionTarget) -> Self {
        Self { started: Instant::now(), target: Some(target) }
    }

    /// Records now and tells how long it took.
    pub fn stop(mut self) -> Duration {
        self.record()
    }

    /// Ends without recording.
    pub fn discard(mut self) {
        self.target = None;
    }

    fn record(&mut self) -> Duration {
        let elapsed = self.started.elapsed();
        if let Some(target) = self.target.take() {
            target.observe(elapsed.as_secs_f64());
        }
        elapsed
    }
}

impl Drop for MetricsTimer {
    fn drop(&mut self) {
        self.record();
    }
}
