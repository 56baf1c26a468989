//! One series of a metric and the handles that write to it.

mod counter;
mod gauge;
mod histogram;
mod summary;

use std::sync::Arc;

pub use self::{counter::Counter, gauge::Gauge, histogram::Histogram, summary::Summary};
use crate::{
    MetricDescriptor, MetricKind, UnixTime,
    label::{OVERFLOW, SeriesKey},
    snapshot::SeriesValue,
};

/// What a sample does to its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// The kind's default: counters add, gauges set, histograms and summaries observe.
    #[default]
    Default,
    /// Replaces the value; gauges only.
    Set,
    /// Adds to the value; counters and gauges.
    Add,
}

/// Why a sample was not applied.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value is NaN or infinite.
    #[error("value {0} is not finite")]
    NotFinite(f64),
    /// A counter cannot fall.
    #[error("increment {0} of a counter is negative")]
    Negative(f64),
    /// The kind has no such operation.
    #[error("operation {operation:?} does not apply to a {kind}")]
    Operation {
        /// The operation asked for.
        operation: Operation,
        /// The kind of the series.
        kind: MetricKind,
    },
    /// The series was dropped for being idle: look it up again.
    #[error("series has expired")]
    Expired,
}

#[derive(Clone, Debug)]
enum Cell {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    Summary(Summary),
}

#[derive(Debug)]
struct Inner {
    key: SeriesKey,
    cell: Cell,
}

/// One series of a metric; a cheap handle.
#[derive(Clone, Debug)]
pub struct Series(Arc<Inner>);

impl Series {
    pub(crate) fn new(key: SeriesKey, descriptor: &Arc<MetricDescriptor>) -> Self {
        let cell = match descriptor.kind {
            MetricKind::Counter => Cell::Counter(Counter::default()),
            MetricKind::Gauge => Cell::Gauge(Gauge::default()),
            MetricKind::Histogram => Cell::Histogram(Histogram::new(Arc::clone(descriptor))),
            MetricKind::Summary => Cell::Summary(Summary::new(Arc::clone(descriptor))),
        };
        Self(Arc::new(Inner { key, cell }))
    }

    /// Applies one sample at `now`.
    ///
    /// # Errors
    /// The value is not finite, negative for a counter, the operation is none of the kind's, or the
    /// series has expired. Nothing is changed then.
    pub fn apply(&self, value: f64, operation: Operation, now: UnixTime) -> Result<(), ValueError> {
        if !value.is_finite() {
            return Err(ValueError::NotFinite(value));
        }
        match (&self.0.cell, operation) {
            (Cell::Counter(_), Operation::Default | Operation::Add) if value < 0.0 => {
                return Err(ValueError::Negative(value));
            }
            (Cell::Counter(counter), Operation::Default | Operation::Add) => counter.add(value),
            (Cell::Gauge(gauge), _) if !gauge.touch(now) => return Err(ValueError::Expired),
            (Cell::Gauge(gauge), Operation::Default | Operation::Set) => gauge.set(value),
            (Cell::Gauge(gauge), Operation::Add) => gauge.add(value),
            (Cell::Histogram(histogram), Operation::Default) => histogram.observe(value),
            (Cell::Summary(summary), Operation::Default) => summary.observe(value, now),
            (cell, operation) => {
                return Err(ValueError::Operation { operation, kind: cell.kind() });
            }
        }
        Ok(())
    }

    /// The kind of the series' metric.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.0.cell.kind()
    }

    /// Whether this is the series that takes what exceeds the cardinality budget.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        let values = &self.0.key.values;
        !values.is_empty() && values.iter().all(|value| **value == *OVERFLOW)
    }

    /// Label values in the order of the metric's label names.
    pub fn label_values(&self) -> impl Iterator<Item = &str> {
        self.0.key.values.iter().map(AsRef::as_ref)
    }

    /// The series as a counter, if it is one.
    #[must_use]
    pub fn counter(&self) -> Option<Counter> {
        match &self.0.cell {
            Cell::Counter(counter) => Some(counter.clone()),
            _ => None,
        }
    }

    /// The series as a gauge, if it is one.
    #[must_use]
    pub fn gauge(&self) -> Option<Gauge> {
        match &self.0.cell {
            Cell::Gauge(gauge) => Some(gauge.clone()),
            _ => None,
        }
    }

    /// The series as a histogram, if it is one.
    #[must_use]
    pub fn histogram(&self) -> Option<Histogram> {
        match &self.0.cell {
            Cell::Histogram(histogram) => Some(histogram.clone()),
            _ => None,
        }
    }

    /// The series as a summary, if it is one.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        match &self.0.cell {
            Cell::Summary(summary) => Some(summary.clone()),
            _ => None,
        }
    }

    pub(crate) fn key(&self) -> &SeriesKey {
        &self.0.key
    }

    pub(crate) fn read(&self, now: UnixTime) -> SeriesValue {
        match &self.0.cell {
            Cell::Counter(counter) => SeriesValue::Counter(counter.get()),
            Cell::Gauge(gauge) => SeriesValue::Gauge(gauge.get()),
            Cell::Histogram(histogram) => SeriesValue::Histogram(histogram.read()),
            Cell::Summary(summary) => SeriesValue::Summary(summary.read(now)),
        }
    }
}

impl Cell {
    fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Histogram(_) => MetricKind::Histogram,
            Self::Summary(_) => MetricKind::Summary,
        }
    }
}
