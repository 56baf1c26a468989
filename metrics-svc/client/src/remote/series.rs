//! Every series of a recorder, numbered, and what of it a stream has been told.

use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use prost::Message;
use vision_metrics::{MetricKind, catalogue::MetricSpec};
use vision_proto::metrics::v1::{MetricDescriptor, Samples, SeriesDefinition};

use super::{Increment, Level, wire};
use crate::lookup::LookupError;

/// Series that one recorder may have.
const MAX_SERIES: usize = 100_000;
/// Declarations in one message, well below the 4 MiB that a gRPC message may have.
const MAX_DECLARATION_BYTES: usize = 512 * 1024;

/// Where a series gathers what is recorded.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Counter(Arc<Increment>),
    Gauge(Arc<Level>),
    /// Its observations go to the queue.
    Distribution,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    metric: usize,
    label_values: Box<[Box<str>]>,
}

#[derive(Hash)]
struct KeyRef<'a> {
    metric: usize,
    label_values: &'a [&'a str],
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let values = key.label_values.iter().map(AsRef::as_ref);
        self.metric == key.metric && self.label_values.iter().copied().eq(values)
    }
}

#[derive(Debug)]
struct Series {
    metric: usize,
    label_values: Vec<String>,
    cell: Cell,
}

/// Metrics in the order in which they became known, and all series in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    metrics: Vec<MetricSpec>,
    metric_by_name: HashMap<&'static str, usize>,
    series: Vec<Series>,
    series_by_key: HashMap<Key, u32>,
}

/// How much of the table a stream has been told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Declared {
    metrics: usize,
    series: usize,
}

/// What a stream is to be told next.
#[derive(Debug)]
pub(crate) struct Declarations {
    pub(crate) metrics: Vec<MetricDescriptor>,
    pub(crate) series: Vec<SeriesDefinition>,
    /// Whether this is the last of it.
    pub(crate) complete: bool,
}

impl SeriesTable {
    /// The series, if it is there already.
    pub(super) fn get(&self, spec: &MetricSpec, label_values: &[&str]) -> Option<(u32, Cell)> {
        let metric = *self.metric_by_name.get(spec.name)?;
        if self.metrics[metric] != *spec {
            return None;
        }
        let id = *self.series_by_key.get(&KeyRef { metric, label_values })?;
        Some((id, self.series[id as usize].cell.clone()))
    }

    /// The series, made if it is new.
    pub(super) fn get_or_insert(
        &mut self,
        spec: &MetricSpec,
        label_values: &[&str],
    ) -> Result<(u32, Cell), LookupError> {
        if let Some(known) = self.get(spec, label_values) {
            return Ok(known);
        }
        if self.series.len() >= MAX_SERIES {
            return Err(LookupError::Full { name: spec.name, max: MAX_SERIES });
        }
        let metric = self.metric(spec)?;
        let cell = Cell::new(spec.kind);
        let id = self.insert(metric, label_values, cell.clone());
        Ok((id, cell))
    }

    /// A counter without labels of a metric that the table does not have yet.
    pub(super) fn insert_counter(&mut self, spec: &MetricSpec) -> (u32, Arc<Increment>) {
        let increment = Arc::new(Increment::default());
        let metric = self.insert_metric(spec);
        let id = self.insert(metric, &[], Cell::Counter(Arc::clone(&increment)));
        (id, increment)
    }

    /// Moves what counters and gauges have gathered into a batch.
    pub(super) fn drain_into(&self, samples: &mut Samples) {
        for (id, series) in self.series.iter().enumerate() {
            let value = match &series.cell {
                Cell::Counter(increment) => increment.take(),
                Cell::Gauge(level) => level.take_change(),
                Cell::Distribution => None,
            };
            if let Some(value) = value {
                samples.series_id.push(id as u32);
                samples.value.push(value);
            }
        }
    }

    /// Makes every gauge count as changed.
    pub(super) fn refresh_gauges(&self) {
        for series in &self.series {
            if let Cell::Gauge(level) = &series.cell {
                level.refresh();
            }
        }
    }

    /// Makes a metric known that may have no series yet.
    pub(super) fn declare(&mut self, spec: &MetricSpec) -> Result<(), LookupError> {
        self.metric(spec).map(drop)
    }

    /// The next declarations for a stream, as many as fit one message: metrics before their series.
    pub(super) fn next_declarations(&self, declared: &mut Declared) -> Declarations {
        let (mut metrics, mut definitions, mut bytes) = (Vec::new(), Vec::new(), 0);
        for spec in &self.metrics[declared.metrics..] {
            if bytes >= MAX_DECLARATION_BYTES {
                break;
            }
            let descriptor = wire::descriptor(spec);
            bytes += descriptor.encoded_len();
            metrics.push(descriptor);
            declared.metrics += 1;
        }
        let told = |series: &&Series| series.metric < declared.metrics;
        let known = self.series.iter().enumerate().skip(declared.series);
        for (id, series) in known.take_while(|(_, series)| told(series)) {
            if bytes >= MAX_DECLARATION_BYTES {
                break;
            }
            let definition = SeriesDefinition {
                id: id as u32,
                metric: self.metrics[series.metric].name.to_owned(),
                label_values: series.label_values.clone(),
            };
            bytes += definition.encoded_len();
            definitions.push(definition);
        }
        declared.series += definitions.len();
        let complete = declared.metrics == self.metrics.len() && declared.series == self.series.len();
        Declarations { metrics, series: definitions, complete }
    }

    fn metric(&mut self, spec: &MetricSpec) -> Result<usize, LookupError> {
        match self.metric_by_name.get(spec.name) {
            Some(&metric) if self.metrics[metric] == *spec => Ok(metric),
            Some(_) => Err(LookupError::Conflict(spec.name)),
            None => Ok(self.insert_metric(spec)),
        }
    }

    fn insert_metric(&mut self, spec: &MetricSpec) -> usize {
        let metric = self.metrics.len();
        self.metrics.push(*spec);
        self.metric_by_name.insert(spec.name, metric);
        metric
    }

    fn insert(&mut self, metric: usize, label_values: &[&str], cell: Cell) -> u32 {
        let id = self.series.len() as u32;
        let key = Key { metric, label_values: label_values.iter().map(|value| (*value).into()).collect() };
        self.series_by_key.insert(key, id);
        self.series.push(Series {
            metric,
            label_values: label_values.iter().map(ToString::to_string).collect(),
            cell,
        });
        id
    }
}

impl Cell {
    fn new(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter(Arc::default()),
            MetricKind::Gauge => Self::Gauge(Arc::default()),
            MetricKind::Histogram | MetricKind::Summary => Self::Distribution,
        }
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
