//! A registered metric: its definition and its series.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::{
    LabelError, Merge, MetricDescriptor, UnixTime,
    label::{INSTANCE, OVERFLOW, SeriesKey, SeriesKeyRef, check_values, in_order},
    series::Series,
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

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    fn take(&self) -> bool {
        let take = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Relaxed, Relaxed, take).is_ok()
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
        if self.0.budget.take() {
            return self.insert_new(&mut all, key);
        }
        let overflow = vec![OVERFLOW; key.values.len()];
        let key = SeriesKeyRef { values: &overflow, producer: None };
        match all.get(&key) {
            Some(series) => series.clone(),
            None => self.insert_new(&mut all, &key),
        }
    }

    fn insert_new(&self, all: &mut HashMap<SeriesKey, Series>, key: &SeriesKeyRef<'_>) -> Series {
        let series = Series::new(key.to_key(), &self.0.descriptor);
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

    pub(crate) fn snapshot(&self, now: UnixTime) -> MetricSnapshot {
        let mut all: Vec<Series> = self.0.series.read().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        let series = match self.0.descriptor.merge {
            Merge::Sum if self.0.descriptor.splits_producers() => self.merged(&all, |a, b| a + b),
            Merge::Max => self.merged(&all, f64::max),
            _ => all.iter().map(|series| self.series_snapshot(series, now)).collect(),
        };
        MetricSnapshot { name: self.0.full_name.clone(), descriptor: Arc::clone(&self.0.descriptor), series }
    }

    fn series_snapshot(&self, series: &Series, now: UnixTime) -> SeriesSnapshot {
        let producer = series.key().producer.as_deref();
        let instance = producer.map(|producer| (INSTANCE.to_owned(), producer.to_owned()));
        let mut labels = self.labels(series);
        labels.extend(instance);
        SeriesSnapshot { labels, value: series.read(now) }
    }

    /// The producers' gauges combined into one series for each set of label values.
    fn merged(&self, all: &[Series], combine: fn(f64, f64) -> f64) -> Vec<SeriesSnapshot> {
        let mut merged = BTreeMap::new();
        for series in all {
            let value = series.gauge().map_or(0.0, |gauge| gauge.get());
            merged
                .entry(self.labels(series))
                .and_modify(|so_far| *so_far = combine(*so_far, value))
                .or_insert(value);
        }
        let combined = merged
            .into_iter()
            .map(|(labels, value)| SeriesSnapshot { labels, value: SeriesValue::Gauge(value) });
        combined.collect()
    }

    fn labels(&self, series: &Series) -> Vec<(String, String)> {
        let names = self.0.descriptor.label_names.iter().cloned();
        names.zip(series.label_values().map(str::to_owned)).collect()
    }
}
