//! Times a piece of work.

use std::time::{Duration, Instant};

use super::Observer;

/// Records the seconds from its start until it is stopped or dropped, on every way out of a scope.
///
/// ```
/// use std::sync::Arc;
/// use vision_metrics::{Registry, catalogue::FRAME_AGE};
/// use vision_metrics_client::{Recorder, now};
///
/// let registry = Arc::new(Registry::new(""));
/// let ages = Recorder::local(Arc::clone(&registry)).histogram(&FRAME_AGE, &["robot_camera"]);
/// {
///     let _timer = ages.start_timer();
///     // What is done here is timed, and recorded where the scope ends.
/// }
/// let took = ages.start_timer().stop();
/// ages.start_timer().discard();
/// let statistics = registry.get_statistics(FRAME_AGE.name, &["robot_camera"], now())?.ok_or("no data")?;
/// assert_eq!(statistics.count, 2);
/// assert!(statistics.max >= took.as_secs_f64());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer that is dropped at once has timed nothing"]
pub struct MetricsTimer {
    started: Instant,
    /// None once there is nothing left to record.
    observer: Option<Observer>,
}

impl MetricsTimer {
    pub(super) fn start(observer: Observer) -> Self {
        Self { started: Instant::now(), observer: Some(observer) }
    }

    /// Records now and tells how long it took.
    pub fn stop(mut self) -> Duration {
        self.record()
    }

    /// Ends without recording.
    pub fn discard(mut self) {
        self.observer = None;
    }

    fn record(&mut self) -> Duration {
        let elapsed = self.started.elapsed();
        if let Some(observer) = self.observer.take() {
            observer.observe_duration(elapsed);
        }
        elapsed
    }
}

impl Drop for MetricsTimer {
    fn drop(&mut self) {
        self.record();
    }
}
