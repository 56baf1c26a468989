//! Handles of histograms and summaries.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Counter, MetricsTimer};
use crate::remote::SampleQueue;

/// Counts observations in buckets; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Histogram(DistributionTarget);

/// Keeps quantiles of observations over a sliding window; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Summary(DistributionTarget);

/// Where observations go.
#[derive(Clone, Debug)]
pub(crate) enum DistributionTarget {
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

impl DistributionTarget {
    pub(super) fn observe(&self, value: f64) {
        match self {
            Self::Remote { series, samples } => samples.push(*series, value),
            Self::LocalHistogram(histogram) => histogram.observe(value),
            Self::LocalSummary(summary) => summary.observe(value, since_epoch()),
            Self::Refused(dropped) => dropped.inc(),
            Self::Disabled => {}
        }
    }
}

impl Histogram {
    pub(crate) fn new(target: DistributionTarget) -> Self {
        Self(target)
    }

    /// Records a value in the metric's unit; ignored when not finite.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Records a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }

    /// Starts a timer that records the seconds until it is dropped.
    pub fn start_timer(&self) -> MetricsTimer {
        MetricsTimer::start(self.0.clone())
    }
}

impl Summary {
    pub(crate) fn new(target: DistributionTarget) -> Self {
        Self(target)
    }

    /// Records a value in the metric's unit; ignored when not finite.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Records a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }

    /// Starts a timer that records the seconds until it is dropped.
    pub fn start_timer(&self) -> MetricsTimer {
        MetricsTimer::start(self.0.clone())
    }
}

/// A clock before 1970 counts as 1970.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
