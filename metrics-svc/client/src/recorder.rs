//! Gives out handles, for whichever sink the program records to.

use std::sync::Arc;

use vision_metrics::{MetricKind, Registry, catalogue::MetricSpec};

use crate::{
    Counter, Gauge, Histogram, Observer, RecorderSettings, RecorderSettingsError, RecorderTask, Summary,
    handle::{CounterTarget, GaugeTarget, ObserverTarget},
    local::Local,
    lookup::LookupError,
    remote::Remote,
    task::Flusher,
};

/// Gives out handles; cheap to clone.
///
/// Look a handle up once and keep it. One for labels that do not fit the metric takes everything and counts it
/// as dropped; with debug assertions on, asking for one panics when the program itself is at fault.
#[derive(Clone, Debug)]
pub struct Recorder(Sink);

#[derive(Clone, Debug)]
enum Sink {
    Remote(Arc<Remote>, Flusher),
    Local(Arc<Local>),
    Disabled,
}

/// The recorder's task has ended: it was shut down, or a newer run of the same producer has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("recorder has stopped")]
pub struct Stopped;

impl Recorder {
    /// Records to the metrics service at the settings' endpoint. Whether it is there shows later: what is
    /// recorded until then waits.
    ///
    /// # Errors
    /// A setting is out of its range.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(settings: RecorderSettings) -> Result<(Self, RecorderTask), RecorderSettingsError> {
        let endpoint = settings.endpoint()?;
        let remote = Arc::new(Remote::new(settings.queue_capacity));
        let task = RecorderTask::spawn(settings, endpoint, Arc::clone(&remote));
        let recorder = Self(Sink::Remote(remote, task.flusher()));
        Ok((recorder, task))
    }

    /// Records into a registry of this process, without telling producers apart.
    #[must_use]
    pub fn local(registry: Arc<Registry>) -> Self {
        Self(Sink::Local(Arc::new(Local::new(registry))))
    }

    /// Records nothing.
    #[must_use]
    pub fn disabled() -> Self {
        Self(Sink::Disabled)
    }

    /// Makes metrics known before anything of them is recorded, so that a page shows what to expect.
    pub fn declare(&self, specs: &[&MetricSpec]) {
        for spec in specs {
            if let Err(error) = self.try_declare(spec) {
                self.refuse(&error);
            }
        }
    }

    /// Makes a metric known, unless it is known by another definition.
    pub(crate) fn try_declare(&self, spec: &MetricSpec) -> Result<(), LookupError> {
        match &self.0 {
            Sink::Remote(remote, _) => remote.declare(spec),
            Sink::Local(local) => local.declare(spec),
            Sink::Disabled => Ok(()),
        }
    }

    /// The registry that is recorded into, if that is in this process.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use vision_metrics::Registry;
    /// use vision_metrics_client::Recorder;
    ///
    /// assert!(Recorder::local(Arc::new(Registry::new("robot"))).registry().is_some());
    /// assert!(Recorder::disabled().registry().is_none());
    /// ```
    #[must_use]
    pub fn registry(&self) -> Option<&Arc<Registry>> {
        match &self.0 {
            Sink::Local(local) => Some(local.registry()),
            Sink::Remote(..) | Sink::Disabled => None,
        }
    }

    /// The counter with these label values, in the order of the metric's labels.
    #[must_use]
    pub fn counter(&self, spec: &MetricSpec, label_values: &[&str]) -> Counter {
        let target = match &self.0 {
            Sink::Remote(remote, _) => remote.counter(spec, label_values).map(CounterTarget::Remote),
            Sink::Local(local) => local.counter(spec, label_values).map(CounterTarget::Local),
            Sink::Disabled => Ok(CounterTarget::Disabled),
        };
        let refused = |error| CounterTarget::Refused(Box::new(self.refuse(&error)));
        Counter::new(target.unwrap_or_else(refused))
    }

    /// The gauge with these label values, in the order of the metric's labels.
    #[must_use]
    pub fn gauge(&self, spec: &MetricSpec, label_values: &[&str]) -> Gauge {
        let target = match &self.0 {
            Sink::Remote(remote, _) => remote.gauge(spec, label_values).map(GaugeTarget::Remote),
            Sink::Local(local) => local.gauge(spec, label_values).map(GaugeTarget::Local),
            Sink::Disabled => Ok(GaugeTarget::Disabled),
        };
        Gauge::new(target.unwrap_or_else(|error| GaugeTarget::Refused(self.refuse(&error))))
    }

    /// The histogram with these label values, in the order of the metric's labels.
    #[must_use]
    pub fn histogram(&self, spec: &MetricSpec, label_values: &[&str]) -> Histogram {
        let local = |local: &Local| {
            let histogram = local.histogram(spec, label_values);
            histogram.map(ObserverTarget::LocalHistogram)
        };
        self.observer(spec, MetricKind::Histogram, label_values, local)
    }

    /// The summary with these label values, in the order of the metric's labels.
    #[must_use]
    pub fn summary(&self, spec: &MetricSpec, label_values: &[&str]) -> Summary {
        let local = |local: &Local| {
            let summary = local.summary(spec, label_values);
            summary.map(ObserverTarget::LocalSummary)
        };
        self.observer(spec, MetricKind::Summary, label_values, local)
    }

    /// Records values that belong together: whoever reads the metrics sees all of what `record` records, or
    /// nothing. For a few values: reading waits for `record`. It must not ask for the same again inside.
    pub fn together<R>(&self, record: impl FnOnce() -> R) -> R {
        match &self.0 {
            Sink::Remote(remote, _) => remote.together(record),
            Sink::Local(local) => local.together(record),
            Sink::Disabled => record(),
        }
    }

    /// Sends what was recorded before the call, and waits until it is acknowledged.
    ///
    /// # Errors
    /// The task has ended, and what it had not sent with it.
    pub async fn flush(&self) -> Result<(), Stopped> {
        match &self.0 {
            Sink::Remote(_, flusher) => flusher.flush().await,
            Sink::Local(_) | Sink::Disabled => Ok(()),
        }
    }

    fn observer(
        &self,
        spec: &MetricSpec,
        kind: MetricKind,
        label_values: &[&str],
        local_target: impl FnOnce(&Local) -> Result<ObserverTarget, LookupError>,
    ) -> Observer {
        let target = match &self.0 {
            Sink::Remote(remote, _) => remote
                .distribution(spec, kind, label_values)
                .map(|(series, samples)| ObserverTarget::Remote { series, samples }),
            Sink::Local(local) => local_target(local),
            Sink::Disabled => Ok(ObserverTarget::Disabled),
        };
        Observer::new(target.unwrap_or_else(|error| ObserverTarget::Refused(self.refuse(&error))))
    }

    /// Where to count what is recorded for a series that does not exist.
    fn refuse(&self, error: &LookupError) -> Counter {
        debug_assert!(!error.is_mistake(), "failed to look up a series: {error}");
        tracing::debug!(%error, "failed to look up a series");
        Counter::new(match &self.0 {
            Sink::Remote(remote, _) => CounterTarget::Remote(Arc::clone(remote.dropped())),
            Sink::Local(local) => local.dropped().map_or(CounterTarget::Disabled, CounterTarget::Local),
            Sink::Disabled => CounterTarget::Disabled,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vision_metrics::{
        SeriesValue, Snapshot,
        catalogue::{ACTIVE_TRACKS, DETECTIONS, FRAME_AGE, TRACK_LIFETIME},
    };

    use super::*;

    fn snapshot(registry: &Registry) -> Snapshot {
        registry.snapshot(Duration::from_secs(4_000_000_000))
    }

    fn value(registry: &Registry, name: &str) -> Option<SeriesValue> {
        let metrics = snapshot(registry).metrics;
        let metric = metrics.iter().find(|metric| metric.name == name)?;
        metric.series().next().map(|series| series.value)
    }

    #[test]
    fn a_local_recorder_writes_to_its_registry() {
        let registry = Arc::new(Registry::new(""));
        let recorder = Recorder::local(Arc::clone(&registry));
        recorder.counter(&DETECTIONS, &["m", "cat"]).add(2.0);
        recorder.gauge(&ACTIVE_TRACKS, &["m"]).set(3.0);
        let timer = recorder.histogram(&FRAME_AGE, &["s"]).start_timer();
        assert!(timer.stop() < Duration::from_secs(5));
        recorder.histogram(&FRAME_AGE, &["s"]).start_timer().discard();
        drop(recorder.summary(&TRACK_LIFETIME, &["m", "cat"]).start_timer());
        assert_eq!(value(&registry, "detections_total"), Some(SeriesValue::Counter(2.0)));
        assert_eq!(value(&registry, "active_tracks"), Some(SeriesValue::Gauge(3.0)));
        for name in ["frame_age_seconds", "track_lifetime_seconds"] {
            let (Some(SeriesValue::Histogram(seen)) | Some(SeriesValue::Summary(seen))) =
                value(&registry, name)
            else {
                panic!("{name} is missing");
            };
            assert_eq!(seen.count, 1, "{name}");
        }
    }

    #[test]
    fn what_is_declared_shows_without_series() {
        let registry = Arc::new(Registry::new(""));
        Recorder::local(Arc::clone(&registry)).declare(&[&ACTIVE_TRACKS]);
        let metrics = snapshot(&registry).metrics;
        let declared = metrics.iter().find(|metric| metric.name == ACTIVE_TRACKS.name);
        assert!(declared.is_some_and(|metric| metric.series_count() == 0));
    }

    #[test]
    fn what_has_no_series_is_counted_as_dropped() {
        let registry = Arc::new(Registry::new(""));
        let recorder = Recorder::local(Arc::clone(&registry));
        let long = "x".repeat(1000);
        recorder.counter(&DETECTIONS, &["m", &long]).inc();
        recorder.gauge(&ACTIVE_TRACKS, &[&long]).dec();
        recorder.histogram(&FRAME_AGE, &[&long]).observe(1.0);
        let dropped = value(&registry, "record_events_dropped_total");
        assert_eq!(dropped, Some(SeriesValue::Counter(3.0)));
    }

    #[test]
    #[should_panic(expected = "has 2 labels, 1 values given")]
    fn a_mistake_shows_in_debug_builds() {
        let _ = Recorder::local(Arc::new(Registry::new(""))).counter(&DETECTIONS, &["m"]);
    }

    #[test]
    fn a_disabled_recorder_takes_everything() {
        let recorder = Recorder::disabled();
        recorder.counter(&DETECTIONS, &["m"]).inc();
        recorder.summary(&TRACK_LIFETIME, &[]).observe(1.0);
    }
}
