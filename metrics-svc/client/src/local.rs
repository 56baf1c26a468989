//! The sink in the same process: handles write straight to a registry.

use std::sync::Arc;

use vision_metrics::{
    Counter, Gauge, Histogram, MetricKind, Registry, Series, Summary,
    catalogue::{MetricSpec, RECORD_EVENTS_DROPPED},
};

use crate::lookup::{self, LookupError};

/// A registry to record into.
#[derive(Debug)]
pub(crate) struct Local {
    registry: Arc<Registry>,
    dropped: Option<Counter>,
}

impl Local {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        let dropped = registry.register(RECORD_EVENTS_DROPPED.descriptor()).ok();
        let dropped = dropped.and_then(|metric| metric.series(&[], None).ok());
        Self { registry, dropped: dropped.and_then(|series| series.counter()) }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Makes a metric known that may have no series yet.
    pub(crate) fn declare(&self, spec: &MetricSpec) -> Result<(), LookupError> {
        self.registry.register(spec.descriptor())?;
        Ok(())
    }

    pub(crate) fn counter(&self, spec: &MetricSpec, label_values: &[&str]) -> Result<Counter, LookupError> {
        self.series(spec, MetricKind::Counter, label_values, Series::counter)
    }

    pub(crate) fn gauge(&self, spec: &MetricSpec, label_values: &[&str]) -> Result<Gauge, LookupError> {
        self.series(spec, MetricKind::Gauge, label_values, Series::gauge)
    }

    pub(crate) fn histogram(
        &self,
        spec: &MetricSpec,
        label_values: &[&str],
    ) -> Result<Histogram, LookupError> {
        self.series(spec, MetricKind::Histogram, label_values, Series::histogram)
    }

    pub(crate) fn summary(&self, spec: &MetricSpec, label_values: &[&str]) -> Result<Summary, LookupError> {
        self.series(spec, MetricKind::Summary, label_values, Series::summary)
    }

    /// Keeps a snapshot from being taken until `record` is done.
    pub(crate) fn together<R>(&self, record: impl FnOnce() -> R) -> R {
        let _together = self.registry.together();
        record()
    }

    /// Counts what is recorded for nothing; `None` if the registry gives its name another meaning.
    pub(crate) fn dropped(&self) -> Option<Counter> {
        self.dropped.clone()
    }

    fn series<H>(
        &self,
        spec: &MetricSpec,
        kind: MetricKind,
        label_values: &[&str],
        handle: impl FnOnce(&Series) -> Option<H>,
    ) -> Result<H, LookupError> {
        lookup::check(spec, kind, label_values)?;
        let metric = self.registry.register(spec.descriptor())?;
        let series = metric.series(label_values, None).ok();
        let handle = series.as_ref().and_then(handle);
        handle.ok_or(LookupError::Conflict(spec.name))
    }
}
