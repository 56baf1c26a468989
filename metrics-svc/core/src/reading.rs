//! A copy of many series' state at one moment, quick to make; what follows from it is computed when it is asked for.

use std::sync::Arc;

use crate::{
    Distribution, Exemplar, Labels, MetricDescriptor, MetricKind, Series, SeriesSnapshot, SeriesValue,
    UnixTime, metric::Block, sketch::Sketch,
};

/// How much of a histogram is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All of it.
    Full,
    /// Only what the text formats show: no sketch, which is most of it.
    Text,
}

/// State of a distribution.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Histogram { counts: Box<[u64]>, sum: f64, sketch: Option<Box<Sketch>> },
    Summary { count: u64, sum: f64, window: Box<Sketch> },
}

impl Reading {
    pub(crate) fn value(&self, descriptor: &MetricDescriptor) -> SeriesValue {
        match self {
            Self::Histogram { counts, sum, sketch } => {
                SeriesValue::Histogram(Distribution::of_buckets(descriptor, counts, *sum, sketch.as_deref()))
            }
            Self::Summary { count, sum, window } => {
                SeriesValue::Summary(Distribution::of_window(descriptor, *count, *sum, window))
            }
        }
    }
}

/// Some series of a metric that stand together, and their state.
#[derive(Clone, Debug)]
pub(crate) struct BlockReading {
    block: Arc<Block>,
    values: Values,
    /// Those of the series at an index, in rising order; few have any.
    exemplars: Vec<(usize, Box<[Option<Exemplar>]>)>,
}

/// Counters or gauges in a row that have nothing but a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainRun<'a> {
    pub(crate) labels: &'a [Labels],
    /// Milliseconds since the Unix epoch; 0: unknown.
    pub(crate) created: &'a [u64],
    pub(crate) values: &'a [f64],
}

/// One state a series.
#[derive(Clone, Debug)]
enum Values {
    Counters(Box<[f64]>),
    Gauges(Box<[f64]>),
    Distributions(Box<[Reading]>),
}

impl BlockReading {
    pub(crate) fn new(block: &Arc<Block>, kind: MetricKind, detail: Detail, now: UnixTime) -> Self {
        let mut exemplars = Vec::new();
        // Each series is visited once: of many, finding them in memory is most of the work.
        let series = block.series().iter().enumerate().inspect(|(index, series)| {
            exemplars.extend(series.exemplars().map(|found| (*index, found)));
        });
        let values = match kind {
            MetricKind::Counter => Values::Counters(series.map(|(_, series)| series.plain_value()).collect()),
            MetricKind::Gauge => Values::Gauges(series.map(|(_, series)| series.plain_value()).collect()),
            MetricKind::Histogram | MetricKind::Summary => {
                Values::Distributions(series.filter_map(|(_, series)| series.read(detail, now)).collect())
            }
        };
        Self { block: Arc::clone(block), values, exemplars }
    }

    pub(crate) fn len(&self) -> usize {
        self.block.len()
    }

    /// Handles and values of the gauges; empty for another kind.
    pub(crate) fn gauges(&self) -> impl Iterator<Item = (&Series, f64)> {
        let values = match &self.values {
            Values::Gauges(values) => values.iter().copied(),
            Values::Counters(_) | Values::Distributions(_) => [].iter().copied(),
        };
        self.block.series().iter().zip(values)
    }

    /// Counters or gauges without exemplars; `None` for anything else.
    pub(crate) fn plain(&self, from: usize) -> Option<PlainRun<'_>> {
        match &self.values {
            Values::Counters(values) | Values::Gauges(values) if self.exemplars.is_empty() => {
                let (labels, created) = (self.block.labels(), self.block.created());
                let values = values.get(from..)?;
                Some(PlainRun { labels: labels.get(from..)?, created: created.get(from..)?, values })
            }
            _ => None,
        }
    }

    /// The series at an index as an exporter sees it.
    pub(crate) fn get(&self, index: usize, descriptor: &MetricDescriptor) -> Option<SeriesSnapshot<'_>> {
        let series = self.block.series().get(index)?;
        let value = match &self.values {
            Values::Counters(values) => SeriesValue::Counter(*values.get(index)?),
            Values::Gauges(values) => SeriesValue::Gauge(*values.get(index)?),
            Values::Distributions(readings) => readings.get(index)?.value(descriptor),
        };
        let exemplars = self.exemplars.binary_search_by_key(&index, |(index, _)| *index);
        let exemplars = exemplars.ok().and_then(|found| self.exemplars.get(found));
        let exemplars = exemplars.map_or(&[][..], |(_, exemplars)| exemplars);
        Some(SeriesSnapshot { labels: series.labels(), created: series.created(), exemplars, value })
    }
}
