//! One series of a metric and the handles that write to it.

mod counter;
mod gauge;
mod histogram;
mod summary;

use std::sync::Arc;

pub use self::{counter::Counter, gauge::Gauge, histogram::Histogram, summary::Summary};
use crate::{
    MetricDescriptor, MetricKind, UnixTime,
    label::SeriesKey,
    sketch::Sketch,
    snapshot::{Distribution, SeriesValue},
    window::SlidingWindow,
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

impl Operation {
    /// Checks that a sample suits a series of this kind.
    ///
    /// # Errors
    /// The value is not finite, negative for a counter, or the operation is none of the kind's.
    pub fn check(self, kind: MetricKind, value: f64) -> Result<(), ValueError> {
        let known = match kind {
            MetricKind::Counter => self != Self::Set,
            MetricKind::Gauge => true,
            MetricKind::Histogram | MetricKind::Summary => self == Self::Default,
        };
        if !known {
            return Err(ValueError::Operation { operation: self, kind });
        }
        if !value.is_finite() {
            return Err(ValueError::NotFinite(value));
        }
        if kind == MetricKind::Counter && value < 0.0 {
            return Err(ValueError::Negative(value));
        }
        Ok(())
    }
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
    overflow: bool,
    cell: Cell,
}

/// One series of a metric; a cheap handle.
#[derive(Clone, Debug)]
pub struct Series(Arc<Inner>);

/// A copy of a series' state, quick to make; what follows from it is computed later.
#[derive(Debug)]
pub(crate) enum Reading {
    Counter(f64),
    Gauge(f64),
    Histogram { counts: Box<[u64]>, sketch: Box<Sketch> },
    Summary { count: u64, sum: f64, window: Box<SlidingWindow> },
}

impl Series {
    pub(crate) fn new(key: SeriesKey, overflow: bool, descriptor: &Arc<MetricDescriptor>) -> Self {
        let cell = match descriptor.kind {
            MetricKind::Counter => Cell::Counter(Counter::default()),
            MetricKind::Gauge => Cell::Gauge(Gauge::default()),
            MetricKind::Histogram => Cell::Histogram(Histogram::new(Arc::clone(descriptor))),
            MetricKind::Summary => Cell::Summary(Summary::new(descriptor)),
        };
        Self(Arc::new(Inner { key, overflow, cell }))
    }

    /// Applies one sample at `now`.
    ///
    /// # Errors
    /// The value is not finite, negative for a counter, the operation is none of the kind's, or the
    /// series has expired. Nothing is changed then.
    pub fn apply(&self, value: f64, operation: Operation, now: UnixTime) -> Result<(), ValueError> {
        operation.check(self.kind(), value)?;
        match &self.0.cell {
            Cell::Counter(counter) => counter.add(value),
            Cell::Gauge(gauge) if !gauge.touch(now) => return Err(ValueError::Expired),
            Cell::Gauge(gauge) if operation == Operation::Add => gauge.add(value),
            Cell::Gauge(gauge) => gauge.set(value),
            Cell::Histogram(histogram) => histogram.observe(value),
            Cell::Summary(summary) => summary.observe(value, now),
        }
        Ok(())
    }

    /// Counts as an update at `now` without being one: a gauge that nothing is applied to expires all the same.
    pub fn touch(&self, now: UnixTime) {
        if let Cell::Gauge(gauge) = &self.0.cell {
            gauge.touch(now);
        }
    }

    /// The kind of the series' metric.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.0.cell.kind()
    }

    /// Whether this is the series that takes what exceeds the cardinality budget.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.0.overflow
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

    pub(crate) fn read(&self) -> Reading {
        match &self.0.cell {
            Cell::Counter(counter) => Reading::Counter(counter.get()),
            Cell::Gauge(gauge) => Reading::Gauge(gauge.get()),
            Cell::Histogram(histogram) => histogram.read(),
            Cell::Summary(summary) => summary.read(),
        }
    }
}

impl Reading {
    /// The value that an exporter sees; windows as of `now`.
    pub(crate) fn value(&self, descriptor: &MetricDescriptor, now: UnixTime) -> SeriesValue {
        match self {
            Self::Counter(total) => SeriesValue::Counter(*total),
            Self::Gauge(value) => SeriesValue::Gauge(*value),
            Self::Histogram { counts, sketch } => {
                SeriesValue::Histogram(Distribution::of_buckets(descriptor, counts, sketch))
            }
            Self::Summary { count, sum, window } => {
                let window = window.read(now);
                SeriesValue::Summary(Distribution::of_window(descriptor, *count, *sum, &window))
            }
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
