//! All metrics of a process, under one namespace and one budget of series.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::{
    CapturedMetric, DescriptorError, MetricDescriptor, MetricKind, Series, SeriesBudget, Snapshot, UnixTime,
    metric::{Metric, MetricReading, Shared},
    reading::Detail,
    together::{Gate, Together},
};

/// Metrics that a registry may have.
const MAX_METRICS: usize = 10_000;

/// Why a metric was not registered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The descriptor breaks a rule.
    #[error(transparent)]
    Invalid(#[from] DescriptorError),
    /// The name is registered with another definition.
    #[error("metric {name:?} is registered already with other {part}")]
    Conflict {
        /// The name.
        name: String,
        /// The first part that differs.
        part: &'static str,
    },
    /// A sample of the metric would bear the name of another metric's samples.
    #[error("metric {name:?} would export {sample:?}, which another metric exports already")]
    SampleNameTaken {
        /// The metric's name.
        name: String,
        /// The sample's name.
        sample: String,
    },
    /// As many metrics as a registry may have.
    #[error("metric {name:?} exceeds the limit of {MAX_METRICS} metrics")]
    Full {
        /// The metric's name.
        name: String,
    },
}

#[derive(Debug, Default)]
struct Metrics {
    by_name: HashMap<String, Metric>,
    /// Names of every sample that the metrics export.
    sample_names: HashSet<String>,
}

/// All metrics of a process.
#[derive(Debug)]
pub struct Registry {
    namespace: String,
    shared: Arc<Shared>,
    extra_buckets: BTreeMap<String, Vec<f64>>,
    metrics: RwLock<Metrics>,
    /// Shared by those who change several values that belong together, closed for a snapshot.
    gate: Gate,
}

/// How many series a registry may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Of all metrics, overflow series and the only series of metrics without labels aside; 0: without limit.
    pub total: usize,
    /// Of one metric; 0: as many as of all.
    pub per_metric: usize,
}

/// Which series have expired: those that nothing was applied to since a deadline through [`crate::Series::apply`].
/// What is only written through handles never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Deadline of gauges; `None`: they stay.
    pub gauges: Option<UnixTime>,
    /// Deadline of counters, histograms and summaries, which go on from where they were when they return; `None`: they
    /// stay.
    pub totals: Option<UnixTime>,
}

impl Expiry {
    fn deadline(self, kind: MetricKind) -> Option<UnixTime> {
        match kind {
            MetricKind::Gauge => self.gauges,
            MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary => self.totals,
        }
    }
}

impl Registry {
    /// A registry without a limit. Exported names start with `namespace` and `_`, unless it is empty.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self::with_limits(namespace, SeriesLimits::default())
    }

    /// A registry of at most `max_series` series, overflow series and the only series of metrics without labels
    /// aside; 0: without limit.
    #[must_use]
    pub fn with_max_series(namespace: &str, max_series: usize) -> Self {
        Self::with_limits(namespace, SeriesLimits { total: max_series, per_metric: 0 })
    }

    /// A registry of so many series.
    #[must_use]
    pub fn with_limits(namespace: &str, limits: SeriesLimits) -> Self {
        let shared = Shared {
            series: SeriesBudget::new(limits.total),
            retired: SeriesBudget::new(limits.total),
            max_per_metric: limits.per_metric,
            heard: AtomicU64::new(0),
        };
        Self {
            namespace: namespace.to_owned(),
            shared: Arc::new(shared),
            extra_buckets: BTreeMap::new(),
            metrics: RwLock::default(),
            gate: Gate::default(),
        }
    }

    /// Adds finite upper bounds to those that histograms of these names declare.
    #[must_use]
    pub fn with_extra_buckets(self, extra_buckets: BTreeMap<String, Vec<f64>>) -> Self {
        Self { extra_buckets, ..self }
    }

    /// Tells the registry when it begins: what is made before the first snapshot counts since then.
    #[must_use]
    pub fn started_at(self, now: UnixTime) -> Self {
        self.hear(now);
        self
    }

    /// Registers a metric; with a definition known already, returns the metric that has it.
    ///
    /// # Errors
    /// The descriptor is invalid, contradicts the one registered, or its samples' names are taken.
    pub fn register(&self, descriptor: MetricDescriptor) -> Result<Metric, RegisterError> {
        descriptor.validate()?;
        let declared = descriptor.completed();
        let mut descriptor = declared.clone();
        if let Some(extra) = self.extra_buckets.get(&descriptor.name) {
            // Before definitions are compared, so that declaring again what was declared is no conflict.
            descriptor.extend_buckets(extra);
        }
        // Most declarations are repeated ones, which keep nobody waiting.
        if let Some(metric) = self.get(&descriptor.name) {
            return same(metric, descriptor);
        }
        let mut metrics = self.metrics.write();
        if let Some(metric) = metrics.by_name.get(&descriptor.name) {
            return same(metric.clone(), descriptor);
        }
        self.check_room(&metrics, &descriptor)?;
        Ok(self.insert(&mut metrics, declared, descriptor))
    }

    /// The metric of this name, given without the namespace.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Metric> {
        self.metrics.read().by_name.get(name).cloned()
    }

    /// Every metric, in no order.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.read().by_name.values().cloned().collect()
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.shared.series.used()
    }

    /// How many expired series are kept aside until they return.
    #[must_use]
    pub fn retired_count(&self) -> usize {
        self.shared.retired.used()
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name that a metric is exported under, given that without the namespace.
    #[must_use]
    pub fn full_name(&self, name: &str) -> String {
        match self.namespace.as_str() {
            "" => name.to_owned(),
            namespace => format!("{namespace}_{name}"),
        }
    }

    /// Marks the changes made while the guard lives as one: a snapshot shows all of them or none.
    ///
    /// Not to be asked for again by a thread that has it: a waiting snapshot would keep the two apart for ever.
    pub fn together(&self) -> Together<'_> {
        self.gate.share()
    }

    /// Copies the state of every series; windows are read as of `now`.
    #[must_use]
    pub fn snapshot(&self, now: UnixTime) -> Snapshot {
        self.read(Detail::Full, now, |_| true)
    }

    /// Like [`Registry::snapshot`], of the metrics whose name without the namespace `wanted` takes.
    #[must_use]
    pub fn snapshot_of(&self, now: UnixTime, wanted: impl Fn(&str) -> bool) -> Snapshot {
        self.read(Detail::Full, now, wanted)
    }

    /// Like [`Registry::snapshot`], without quantiles and statistics of histograms: most of the work, and nothing that
    /// the text formats show.
    #[must_use]
    pub fn snapshot_for_text(&self, now: UnixTime) -> Snapshot {
        self.read(Detail::Text, now, |_| true)
    }

    /// Drops what has expired and `may_go` lets go; returns how many series.
    pub fn expire(&self, expiry: Expiry, may_go: impl Fn(&Series) -> bool) -> usize {
        let expire = |metric: &Metric| {
            let deadline = expiry.deadline(metric.descriptor().kind);
            deadline.map_or(0, |deadline| metric.expire(deadline, &may_go))
        };
        self.metrics().iter().map(expire).sum()
    }

    /// What has expired and is still there.
    #[must_use]
    pub fn expired(&self, expiry: Expiry) -> Vec<Series> {
        let expired = |metric: &Metric| Some(metric.expired(expiry.deadline(metric.descriptor().kind)?));
        self.metrics().iter().filter_map(expired).flatten().collect()
    }

    /// Takes everything that is to be kept beyond the process, at one moment.
    #[must_use]
    pub fn capture(&self) -> Vec<CapturedMetric> {
        let _still = self.gate.close();
        let metrics = self.metrics.read();
        metrics.by_name.values().map(Metric::capture).collect()
    }

    fn read(&self, detail: Detail, now: UnixTime, wanted: impl Fn(&str) -> bool) -> Snapshot {
        self.hear(now);
        let readings = self.copy(detail, now, wanted);
        let mut metrics: Vec<_> = readings.into_iter().map(MetricReading::snapshot).collect();
        metrics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Snapshot { time: now, metrics }
    }

    /// Only copies while changes wait; the rest of a snapshot takes longer.
    fn copy(&self, detail: Detail, now: UnixTime, wanted: impl Fn(&str) -> bool) -> Vec<MetricReading> {
        let _still = self.gate.close();
        let metrics = self.metrics.read();
        let wanted = metrics.by_name.iter().filter(|(name, _)| wanted(name));
        wanted.map(|(_, metric)| metric.read(detail, now)).collect()
    }

    fn hear(&self, now: UnixTime) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.shared.heard.fetch_max(millis, Relaxed);
    }

    fn check_room(&self, metrics: &Metrics, descriptor: &MetricDescriptor) -> Result<(), RegisterError> {
        let name = || descriptor.name.clone();
        if metrics.by_name.len() >= MAX_METRICS {
            return Err(RegisterError::Full { name: name() });
        }
        let mut samples = sample_names(descriptor);
        match samples.find(|sample| metrics.sample_names.contains(sample)) {
            Some(sample) => Err(RegisterError::SampleNameTaken { name: name(), sample }),
            None => Ok(()),
        }
    }

    fn insert(
        &self,
        metrics: &mut Metrics,
        declared: MetricDescriptor,
        descriptor: MetricDescriptor,
    ) -> Metric {
        let name = descriptor.name.clone();
        metrics.sample_names.extend(sample_names(&descriptor));
        let full_name = self.full_name(&name);
        let metric = Metric::new(full_name, declared, descriptor, Arc::clone(&self.shared));
        metrics.by_name.insert(name, metric.clone());
        metric
    }
}

/// The metric, if it has this definition.
fn same(metric: Metric, descriptor: MetricDescriptor) -> Result<Metric, RegisterError> {
    match metric.descriptor().difference(&descriptor) {
        None => Ok(metric),
        Some(part) => Err(RegisterError::Conflict { name: descriptor.name, part }),
    }
}

/// Names under which a metric's samples are exported, without the namespace.
fn sample_names(descriptor: &MetricDescriptor) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = match descriptor.kind {
        // OpenMetrics gives a counter the name without the suffix, and its sample the name with it.
        MetricKind::Counter => &["", "_total", "_created"],
        MetricKind::Gauge => &[""],
        MetricKind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        MetricKind::Summary => &["", "_sum", "_count", "_created"],
    };
    let name = match descriptor.kind {
        MetricKind::Counter => descriptor.name.strip_suffix("_total").unwrap_or(&descriptor.name),
        _ => &descriptor.name,
    };
    let name = name.to_owned();
    suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
}

#[cfg(test)]
#[path = "registry_life_tests.rs"]
mod life_tests;
#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
