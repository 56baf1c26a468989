//! One series of a metric and the handles that write to it.

mod counter;
mod gauge;
mod histogram;
mod life;
mod operation;
mod state;
mod summary;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use self::{counter::Total, gauge::Level, life::Life};
pub use self::{
    counter::{Counter, CounterState},
    gauge::Gauge,
    histogram::Histogram,
    operation::{Operation, ValueError},
    state::{HistogramState, StateError, SummaryState},
    summary::Summary,
};
use crate::{
    Exemplar, Labels, MetricDescriptor, MetricKind, SeriesBudget, UnixTime,
    exemplar::Exemplars,
    reading::{Detail, Reading},
    state::ValueState,
};

/// State of a series, by its kind.
#[derive(Debug)]
enum Cell {
    Counter(Total),
    Gauge(Level),
    Histogram(Histogram),
    Summary(Summary),
}

/// In this order, since a snapshot reads the first two of every series: they should share a line of the cache.
#[derive(Debug)]
#[repr(C)]
struct Inner {
    cell: Cell,
    exemplars: OnceLock<Box<Exemplars>>,
    life: Life,
    labels: Labels,
    /// Of what tells it from the other series of its metric.
    hash: u64,
    /// What its producer may make; paid back when the series goes.
    payer: Option<Arc<SeriesBudget>>,
    overflow: bool,
}

/// One series of a metric; a cheap handle.
#[derive(Clone, Debug)]
pub struct Series(Arc<Inner>);

/// What a new series is made of.
pub(crate) struct NewSeries {
    pub(crate) hash: u64,
    pub(crate) labels: Labels,
    pub(crate) overflow: bool,
    pub(crate) created: Option<UnixTime>,
    pub(crate) payer: Option<Arc<SeriesBudget>>,
}

impl Series {
    pub(crate) fn new(new: NewSeries, descriptor: &Arc<MetricDescriptor>) -> Self {
        let cell = match descriptor.kind {
            MetricKind::Counter => Cell::Counter(Total::default()),
            MetricKind::Gauge => Cell::Gauge(Level::default()),
            MetricKind::Histogram => Cell::Histogram(Histogram::new(Arc::clone(descriptor))),
            MetricKind::Summary => Cell::Summary(Summary::new(descriptor)),
        };
        let NewSeries { hash, labels, overflow, created, payer } = new;
        let (life, exemplars) = (Life::new(created), OnceLock::new());
        Self(Arc::new(Inner { cell, exemplars, life, labels, hash, payer, overflow }))
    }

    /// Applies one sample at `now`.
    ///
    /// # Errors
    /// The value is not finite, negative for a counter, the operation is none of the kind's, or the
    /// series has expired. Nothing is changed then.
    pub fn apply(&self, value: f64, operation: Operation, now: UnixTime) -> Result<(), ValueError> {
        operation.check(self.kind(), value)?;
        self.alive(now)?;
        match &self.0.cell {
            Cell::Counter(total) => total.add(value),
            Cell::Gauge(level) if operation == Operation::Add => level.add(value),
            Cell::Gauge(level) => level.set(value),
            Cell::Histogram(histogram) => histogram.observe(value),
            Cell::Summary(summary) => summary.observe(value, now),
        }
        Ok(())
    }

    /// Observes finite values of a histogram or summary at `now`, for less than one at a time would cost; what is not
    /// finite is ignored, as is everything by another kind.
    ///
    /// # Errors
    /// The series has expired.
    pub fn observe_all(&self, values: &[f64], now: UnixTime) -> Result<(), ValueError> {
        self.alive(now)?;
        match &self.0.cell {
            Cell::Histogram(histogram) => histogram.observe_all(values),
            Cell::Summary(summary) => summary.observe_all(values, now),
            Cell::Counter(_) | Cell::Gauge(_) => {}
        }
        Ok(())
    }

    /// Notes a traced event that was applied, for the sample that it went to. Gauges and summaries have none.
    pub fn offer_exemplar(&self, exemplar: Exemplar) {
        let (samples, sample) = match &self.0.cell {
            Cell::Counter(_) => (1, 0),
            Cell::Histogram(histogram) => (histogram.bucket_count(), histogram.bucket_of(exemplar.value)),
            Cell::Gauge(_) | Cell::Summary(_) => return,
        };
        self.0.exemplars.get_or_init(|| Box::new(Exemplars::new(samples))).offer(sample, exemplar);
    }

    /// Counts as an update at `now` without being one: a series that nothing is applied to expires all the same.
    pub fn touch(&self, now: UnixTime) {
        self.0.life.touch(now);
    }

    /// The kind of the series' metric.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> MetricKind {
        match &self.0.cell {
            Cell::Counter(_) => MetricKind::Counter,
            Cell::Gauge(_) => MetricKind::Gauge,
            Cell::Histogram(_) => MetricKind::Histogram,
            Cell::Summary(_) => MetricKind::Summary,
        }
    }

    /// Whether this is the series that takes what exceeds the cardinality budget.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.0.overflow
    }

    /// Names and values of the labels; that of the producer last, where the metric keeps producers apart.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.0.labels
    }

    /// Label values in the order of the metric's label names; that of the producer last, where it keeps them apart.
    pub fn label_values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.labels.iter().map(|(_, value)| value)
    }

    /// The series as a counter, if it is one.
    #[must_use]
    pub fn counter(&self) -> Option<Counter> {
        Counter::of(self)
    }

    /// The series as a gauge, if it is one.
    #[must_use]
    pub fn gauge(&self) -> Option<Gauge> {
        Gauge::of(self)
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

    /// The producer that made the series, if it has a name and a budget.
    #[must_use]
    pub fn maker(&self) -> Option<&str> {
        self.payer().map(SeriesBudget::owner).filter(|owner| !owner.is_empty())
    }

    fn cell(&self) -> &Cell {
        &self.0.cell
    }

    fn alive(&self, now: UnixTime) -> Result<(), ValueError> {
        if self.0.life.touch(now) { Ok(()) } else { Err(ValueError::Expired) }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.0.hash
    }

    pub(crate) fn payer(&self) -> Option<&SeriesBudget> {
        self.0.payer.as_deref()
    }

    /// Since when it counts, if that is known.
    pub(crate) fn created(&self) -> Option<UnixTime> {
        self.0.life.created()
    }

    /// The same in milliseconds since the Unix epoch; 0: unknown.
    pub(crate) fn created_millis(&self) -> u64 {
        self.0.life.created_millis()
    }

    pub(crate) fn updated(&self) -> Option<UnixTime> {
        self.0.life.updated()
    }

    pub(crate) fn is_idle(&self, deadline: UnixTime) -> bool {
        self.0.life.is_idle(deadline)
    }

    pub(crate) fn expire(&self, deadline: UnixTime) -> bool {
        self.0.life.expire(deadline)
    }

    pub(crate) fn end(&self) {
        self.0.life.end();
    }

    pub(crate) fn revive(&self) {
        self.0.life.revive();
    }

    /// The value of a counter or gauge; nothing for a distribution.
    #[inline]
    pub(crate) fn plain_value(&self) -> f64 {
        match &self.0.cell {
            Cell::Counter(total) => total.get(),
            Cell::Gauge(level) => level.get(),
            Cell::Histogram(_) | Cell::Summary(_) => 0.0,
        }
    }

    /// The state of a distribution, as of `now`; `None` for a counter or gauge.
    pub(crate) fn read(&self, detail: Detail, now: UnixTime) -> Option<Reading> {
        match &self.0.cell {
            Cell::Counter(_) | Cell::Gauge(_) => None,
            Cell::Histogram(histogram) => Some(histogram.read(detail)),
            Cell::Summary(summary) => Some(summary.read(now)),
        }
    }

    pub(crate) fn exemplars(&self) -> Option<Box<[Option<Exemplar>]>> {
        self.0.exemplars.get().map(|exemplars| exemplars.read())
    }

    pub(crate) fn state(&self) -> ValueState {
        match &self.0.cell {
            Cell::Counter(total) => ValueState::Counter(total.state()),
            Cell::Gauge(level) => ValueState::Gauge(level.get()),
            Cell::Histogram(histogram) => ValueState::Histogram(histogram.state()),
            Cell::Summary(summary) => ValueState::Summary(summary.state()),
        }
    }

    /// Goes on from a state that was kept; false if it is none of this series.
    pub(crate) fn restore(
        &self,
        state: ValueState,
        created: Option<UnixTime>,
        updated: Option<UnixTime>,
    ) -> bool {
        let restored = match (&self.0.cell, state) {
            (Cell::Counter(total), ValueState::Counter(state)) => {
                total.restore(state);
                true
            }
            (Cell::Gauge(level), ValueState::Gauge(value)) => {
                level.set(value);
                true
            }
            (Cell::Histogram(histogram), ValueState::Histogram(state)) => histogram.restore(&state).is_ok(),
            (Cell::Summary(summary), ValueState::Summary(state)) => summary.restore(state).is_ok(),
            _ => false,
        };
        if restored {
            self.0.life.restore(created, updated);
        }
        restored
    }
}
