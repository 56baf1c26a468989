//! All metrics of a process, under one namespace and one budget of series.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use hashbrown::HashMap;
use parking_lot::{RwLock, RwLockReadGuard};

use crate::{
    DescriptorError, MetricDescriptor, MetricKind, Snapshot, UnixTime,
    metric::{Budget, Metric, MetricReading},
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
    budget: Arc<Budget>,
    extra_buckets: BTreeMap<String, Vec<f64>>,
    metrics: RwLock<Metrics>,
    /// Shared by those who change several values that belong together, exclusive for a snapshot.
    together: RwLock<()>,
}

/// Changes that belong together are in progress: no snapshot falls between them until this is dropped.
#[derive(Debug)]
#[must_use = "a snapshot may fall between changes once this is dropped"]
pub struct Together<'a> {
    _shared: RwLockReadGuard<'a, ()>,
}

impl Registry {
    /// A registry without a limit. Exported names start with `namespace` and `_`, unless it is empty.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self::with_max_series(namespace, 0)
    }

    /// A registry of at most `max_series` series, overflow series and the only series of metrics without labels
    /// aside; 0: without limit.
    #[must_use]
    pub fn with_max_series(namespace: &str, max_series: usize) -> Self {
        Self {
            namespace: namespace.to_owned(),
            budget: Arc::new(Budget::new(max_series)),
            extra_buckets: BTreeMap::new(),
            metrics: RwLock::default(),
            together: RwLock::default(),
        }
    }

    /// Adds finite upper bounds to those that histograms of these names declare.
    #[must_use]
    pub fn with_extra_buckets(self, extra_buckets: BTreeMap<String, Vec<f64>>) -> Self {
        Self { extra_buckets, ..self }
    }

    /// Registers a metric; with a definition known already, returns the metric that has it.
    ///
    /// # Errors
    /// The descriptor is invalid, contradicts the one registered, or its samples' names are taken.
    pub fn register(&self, descriptor: MetricDescriptor) -> Result<Metric, RegisterError> {
        descriptor.validate()?;
        let mut descriptor = descriptor.completed();
        if let Some(extra) = self.extra_buckets.get(&descriptor.name) {
            // Before definitions are compared, so that declaring again what was declared is no conflict.
            descriptor.extend_buckets(extra);
        }
        let mut metrics = self.metrics.write();
        if let Some(metric) = metrics.by_name.get(&descriptor.name) {
            return match metric.descriptor().difference(&descriptor) {
                None => Ok(metric.clone()),
                Some(part) => Err(RegisterError::Conflict { name: descriptor.name, part }),
            };
        }
        self.check_room(&metrics, &descriptor)?;
        Ok(self.insert(&mut metrics, descriptor))
    }

    /// The metric of this name, given without the namespace.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Metric> {
        self.metrics.read().by_name.get(name).cloned()
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.budget.used()
    }

    /// Names of the metrics that have had more series than there was room for, without the namespace.
    #[must_use]
    pub fn overflowed(&self) -> Vec<String> {
        let metrics = self.metrics.read();
        let overflowed = metrics.by_name.iter().filter(|(_, metric)| metric.has_overflowed());
        overflowed.map(|(name, _)| name.clone()).collect()
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Marks the changes made while the guard lives as one: a snapshot shows all of them or none.
    ///
    /// Not to be asked for again by a thread that has it: a waiting snapshot would keep the two apart for ever.
    pub fn together(&self) -> Together<'_> {
        Together { _shared: self.together.read() }
    }

    /// Copies the state of every series; windows are read as of `now`.
    #[must_use]
    pub fn snapshot(&self, now: UnixTime) -> Snapshot {
        let readings = self.read();
        let mut metrics: Vec<_> = readings.into_iter().map(|reading| reading.snapshot(now)).collect();
        metrics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Snapshot { time: now, metrics }
    }

    /// Drops gauge series to which nothing was applied for `idle`; returns how many.
    ///
    /// Only samples applied through [`crate::Series::apply`] count as updates; gauges written through
    /// handles never expire.
    pub fn expire_gauges(&self, idle: Duration, now: UnixTime) -> usize {
        let deadline = now.saturating_sub(idle);
        let all: Vec<Metric> = self.metrics.read().by_name.values().cloned().collect();
        let gauges = all.iter().filter(|m| m.descriptor().kind == MetricKind::Gauge);
        gauges.map(|metric| metric.expire_gauges(deadline)).sum()
    }

    /// Only copies while changes wait; the rest of a snapshot takes longer.
    fn read(&self) -> Vec<MetricReading> {
        let _still = self.together.write();
        let metrics = self.metrics.read();
        metrics.by_name.values().map(Metric::read).collect()
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

    fn insert(&self, metrics: &mut Metrics, descriptor: MetricDescriptor) -> Metric {
        let name = descriptor.name.clone();
        metrics.sample_names.extend(sample_names(&descriptor));
        let full_name = match self.namespace.as_str() {
            "" => name.clone(),
            namespace => format!("{namespace}_{name}"),
        };
        let metric = Metric::new(full_name, descriptor, Arc::clone(&self.budget));
        metrics.by_name.insert(name, metric.clone());
        metric
    }
}

/// Names under which a metric's samples are exported, without the namespace.
fn sample_names(descriptor: &MetricDescriptor) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = match descriptor.kind {
        // OpenMetrics gives a counter the name without the suffix, and its sample the name with it.
        MetricKind::Counter => &["", "_total"],
        MetricKind::Gauge => &[""],
        MetricKind::Histogram => &["", "_bucket", "_sum", "_count"],
        MetricKind::Summary => &["", "_sum", "_count"],
    };
    let name = match descriptor.kind {
        MetricKind::Counter => descriptor.name.strip_suffix("_total").unwrap_or(&descriptor.name),
        _ => &descriptor.name,
    };
    let name = name.to_owned();
    suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
