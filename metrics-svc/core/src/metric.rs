//! A registered metric: its definition and its series.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::{
    LabelError, Merge, MetricDescriptor, UnixTime,
    label::{INSTANCE, OVERFLOW, SeriesKey, SeriesKeyRef, check_values, in_order},
    series::{Reading, Series},
    sketch::finite,
    snapshot::{MetricSnapshot, SeriesSnapshot, SeriesValue},
};

/// How many series a registry may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `max` series; 0: without limit.
    pub(crate) fn new(max: usize) -> Self {
        let max = if max == 0 { usize::MAX } else { max };
        let used = AtomicUsize::new(0);
        Self { max, used }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    fn take(&self) -> bool {
        let take = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// Takes one even past the limit.
    fn take_anyway(&self) {
        self.used.fetch_add(1, Relaxed);
    }

    fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Relaxed);
    }
}

#[derive(Debug)]
struct Inner {
    full_name: String,
    descriptor: Arc<MetricDescriptor>,
    budget: Arc<Budget>,
    series: RwLock<HashMap<SeriesKey, Series>>,
    /// Whether there is an overflow series.
    overflowed: AtomicBool,
}

/// A registered metric; a cheap handle.
#[derive(Clone, Debug)]
pub struct Metric(Arc<Inner>);

impl Metric {
    pub(crate) fn new(full_name: String, descriptor: MetricDescriptor, budget: Arc<Budget>) -> Self {
        Self(Arc::new(Inner {
            full_name,
            descriptor: Arc::new(descriptor),
            budget,
            series: RwLock::default(),
            overflowed: AtomicBool::new(false),
        }))
    }

    /// The definition, its defaults filled in.
    #[must_use]
    pub fn descriptor(&self) -> &MetricDescriptor {
        &self.0.descriptor
    }

    /// The series with these label values, in the order of the label names; made if it is new.
    ///
    /// `producer` tells series apart where the metric is kept per producer. Past the registry's
    /// budget the series is the one whose [`Series::is_overflow`] holds.
    ///
    /// # Errors
    /// A wrong number of values, or one that is too long.
    pub fn series(&self, label_values: &[&str], producer: Option<&str>) -> Result<Series, LabelError> {
        let producer = producer.filter(|_| self.0.descriptor.splits_producers());
        let key = SeriesKeyRef { values: label_values, producer };
        if let Some(series) = self.0.series.read().get(&key) {
            return Ok(series.clone());
        }
        check_values(&self.0.descriptor.label_names, label_values)?;
        Ok(self.insert(&key))
    }

    /// Like [`Metric::series`], with label values by name, in any order.
    ///
    /// # Errors
    /// A label is missing, unknown, or its value too long.
    pub fn series_by_names<'a>(
        &self,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        producer: Option<&str>,
    ) -> Result<Series, LabelError> {
        let values = in_order(&self.0.descriptor.label_names, labels)?;
        self.series(&values, producer)
    }

    fn insert(&self, key: &SeriesKeyRef<'_>) -> Series {
        let mut all = self.0.series.write();
        if let Some(series) = all.get(key) {
            return series.clone();
        }
        let overflow = vec![OVERFLOW; key.values.len()];
        // Without labels only the producer tells series apart.
        let producer = Some(OVERFLOW).filter(|_| key.values.is_empty());
        let overflow = SeriesKeyRef { values: &overflow, producer };
        if key.values.is_empty() && !self.0.descriptor.splits_producers() {
            // The metric's only series needs no limit but that on metrics.
            self.0.budget.take_anyway();
            return self.insert_new(&mut all, key, false);
        }
        if *key != overflow && self.0.budget.take() {
            return self.insert_new(&mut all, key, false);
        }
        match all.get(&overflow) {
            Some(series) => series.clone(),
            None => {
                self.0.overflowed.store(true, Relaxed);
                self.insert_new(&mut all, &overflow, true)
            }
        }
    }

    pub(crate) fn has_overflowed(&self) -> bool {
        self.0.overflowed.load(Relaxed)
    }

    fn insert_new(
        &self,
        all: &mut HashMap<SeriesKey, Series>,
        key: &SeriesKeyRef<'_>,
        overflow: bool,
    ) -> Series {
        let series = Series::new(key.to_key(), overflow, &self.0.descriptor);
        all.insert(key.to_key(), series.clone());
        series
    }

    /// Drops the gauge series last updated before `deadline`.
    pub(crate) fn expire_gauges(&self, deadline: UnixTime) -> usize {
        let expired = |series: &Series| series.gauge().is_some_and(|gauge| gauge.expire(deadline));
        let mut all = self.0.series.write();
        let before = all.len();
        // The overflow series is outside the budget, so it stays.
        all.retain(|_, series| series.is_overflow() || !expired(series));
        let dropped = before - all.len();
        self.0.budget.give_back(dropped);
        dropped
    }

    /// Copies the state of every series.
    pub(crate) fn read(&self) -> MetricReading {
        let series = self.0.series.read();
        let series = series.values().map(|series| (series.clone(), series.read()));
        MetricReading { metric: self.clone(), series: series.collect() }
    }

    fn labels(&self, series: &Series) -> Vec<(String, String)> {
        let names = self.0.descriptor.label_names.iter().cloned();
        names.zip(series.label_values().map(str::to_owned)).collect()
    }
}

/// The state of every series of a metric at one moment.
pub(crate) struct MetricReading {
    metric: Metric,
    series: Vec<(Series, Reading)>,
}

impl MetricReading {
    /// What an exporter sees of it; windows as of `now`.
    pub(crate) fn snapshot(mut self, now: UnixTime) -> MetricSnapshot {
        let inner = &*self.metric.0;
        self.series.sort_unstable_by(|(a, _), (b, _)| a.key().cmp(b.key()));
        let series = match inner.descriptor.merge {
            Merge::Sum if inner.descriptor.splits_producers() => self.merged(|a, b| finite(a + b)),
            Merge::Max => self.merged(f64::max),
            _ => self.series.iter().map(|(series, reading)| self.one(series, reading, now)).collect(),
        };
        let descriptor = Arc::clone(&inner.descriptor);
        MetricSnapshot { name: inner.full_name.clone(), descriptor, series }
    }

    fn one(&self, series: &Series, reading: &Reading, now: UnixTime) -> SeriesSnapshot {
        let producer = series.key().producer.as_deref();
        let instance = producer.map(|producer| (INSTANCE.to_owned(), producer.to_owned()));
        let mut labels = self.metric.labels(series);
        labels.extend(instance);
        SeriesSnapshot { labels, value: reading.value(self.metric.descriptor(), now) }
    }

    /// The producers' gauges combined into one series for each set of label values.
    fn merged(&self, combine: fn(f64, f64) -> f64) -> Vec<SeriesSnapshot> {
        let mut merged = BTreeMap::new();
        for (series, reading) in &self.series {
            let Reading::Gauge(value) = reading else {
                continue;
            };
            merged
                .entry(self.metric.labels(series))
                .and_modify(|so_far| *so_far = combine(*so_far, *value))
                .or_insert(*value);
        }
        let combined = merged
            .into_iter()
            .map(|(labels, value)| SeriesSnapshot { labels, value: SeriesValue::Gauge(value) });
        combined.collect()
    }
}
