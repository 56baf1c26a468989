//! Handle of a histogram or summary.

use std::{sync::Arc, time::Duration};

use super::{Counter, MetricsTimer};
use crate::{clock, remote::SampleQueue};

/// Takes observations of a distribution; cheap to clone, never blocks.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::{Registry, catalogue::PIPELINE_STAGE_DURATION};
/// use vision_metrics_client::Recorder;
///
/// let registry = Arc::new(Registry::new(""));
/// let decode = Recorder::local(Arc::clone(&registry)).histogram(&PIPELINE_STAGE_DURATION, &["decode"]);
/// decode.observe(0.002);
/// decode.observe_duration(Duration::from_millis(4));
/// assert_eq!(decode.time(|| 6 * 7), 42);
/// let now = vision_metrics_client::now();
/// let statistics = registry.get_statistics(PIPELINE_STAGE_DURATION.name, &["decode"], now)?;
/// assert_eq!(statistics.map(|known| known.count), Some(3));
/// # Ok::<(), vision_metrics::LookupError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Observer(ObserverTarget);

/// Counts observations in buckets.
pub type Histogram = Observer;

/// Keeps quantiles of observations over a sliding window.
pub type Summary = Observer;

/// Where observations go.
#[derive(Clone, Debug)]
pub(crate) enum ObserverTarget {
    Remote {
        series: u32,
        samples: Arc<SampleQueue>,
    },
    LocalHistogram(vision_metrics::Histogram),
    LocalSummary(vision_metrics::Summary),
    /// The series does not exist: what is recorded is counted as dropped.
    Refused(Counter),
    Disabled,
}

impl Observer {
    pub(crate) fn new(target: ObserverTarget) -> Self {
        Self(target)
    }

    /// Records a value in the metric's unit; ignored when not finite.
    pub fn observe(&self, value: f64) {
        match &self.0 {
            ObserverTarget::Remote { series, samples } => samples.push(*series, value),
            ObserverTarget::LocalHistogram(histogram) => histogram.observe(value),
            ObserverTarget::LocalSummary(summary) => summary.observe(value, clock::now()),
            ObserverTarget::Refused(dropped) => dropped.inc(),
            ObserverTarget::Disabled => {}
        }
    }

    /// Records a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Starts a timer that records the seconds until it is dropped.
    pub fn start_timer(&self) -> MetricsTimer {
        MetricsTimer::start(self.clone())
    }

    /// Records the seconds that `work` takes, also when it panics.
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let _timer = self.start_timer();
        work()
    }
}
