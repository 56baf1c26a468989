//! What handles of a remote recorder write to, and what the background task reads from.

mod cell;
mod queue;
mod series;
mod wire;

use std::sync::Arc;

use parking_lot::RwLock;
use vision_metrics::{
    MetricKind,
    catalogue::{MetricSpec, RECORD_BATCHES, RECORD_BATCHES_RESENT, RECORD_EVENTS_DROPPED},
};
use vision_proto::metrics::v1::Samples;

use self::series::{Cell, SeriesTable};
pub(crate) use self::{
    cell::{Increment, Level},
    queue::SampleQueue,
    series::{Declarations, Declared},
};
use crate::lookup::{self, LookupError};

/// State shared by the handles and the background task.
#[derive(Debug)]
pub(crate) struct Remote {
    series: RwLock<SeriesTable>,
    samples: Arc<SampleQueue>,
    own: OwnSeries,
    /// Shared by those who record values that belong together, exclusive for cutting a batch.
    together: RwLock<()>,
}

/// The recorder's metrics about itself.
#[derive(Debug)]
struct OwnSeries {
    /// Counted in the very batch that it counts, so that an idle recorder sends nothing.
    batches: u32,
    resent: Arc<Increment>,
    dropped: Arc<Increment>,
}

impl Remote {
    /// A remote whose queue takes `queue_capacity` observations.
    pub(crate) fn new(queue_capacity: usize) -> Self {
        let mut series = SeriesTable::default();
        let (batches, _) = series.insert_counter(&RECORD_BATCHES);
        let (_, resent) = series.insert_counter(&RECORD_BATCHES_RESENT);
        let (_, dropped) = series.insert_counter(&RECORD_EVENTS_DROPPED);
        Self {
            series: RwLock::new(series),
            samples: Arc::new(SampleQueue::new(queue_capacity, Arc::clone(&dropped))),
            own: OwnSeries { batches, resent, dropped },
            together: RwLock::default(),
        }
    }

    /// Keeps a batch from being cut until `record` is done.
    pub(crate) fn together<R>(&self, record: impl FnOnce() -> R) -> R {
        let _together = self.together.read();
        record()
    }

    /// Where the increments of a counter go.
    pub(crate) fn counter(
        &self,
        spec: &MetricSpec,
        label_values: &[&str],
    ) -> Result<Arc<Increment>, LookupError> {
        match self.series(spec, MetricKind::Counter, label_values)? {
            (_, Cell::Counter(increment)) => Ok(increment),
            _ => Err(LookupError::Conflict(spec.name)),
        }
    }

    /// Where the values of a gauge go.
    pub(crate) fn gauge(&self, spec: &MetricSpec, label_values: &[&str]) -> Result<Arc<Level>, LookupError> {
        match self.series(spec, MetricKind::Gauge, label_values)? {
            (_, Cell::Gauge(level)) => Ok(level),
            _ => Err(LookupError::Conflict(spec.name)),
        }
    }

    /// Number of a histogram or summary, and where its observations go.
    pub(crate) fn distribution(
        &self,
        spec: &MetricSpec,
        kind: MetricKind,
        label_values: &[&str],
    ) -> Result<(u32, Arc<SampleQueue>), LookupError> {
        let (id, _) = self.series(spec, kind, label_values)?;
        Ok((id, Arc::clone(&self.samples)))
    }

    /// The queue of observations.
    pub(crate) fn samples(&self) -> &SampleQueue {
        &self.samples
    }

    /// Counts what is recorded for nothing.
    pub(crate) fn dropped(&self) -> &Arc<Increment> {
        &self.own.dropped
    }

    /// Counts batches that are sent again.
    pub(crate) fn resent(&self) -> &Increment {
        &self.own.resent
    }

    /// Takes everything recorded since the last call; empty when there is nothing.
    pub(crate) fn take(&self) -> Samples {
        let mut samples = Samples::default();
        {
            // Held for a moment only, since whoever records values that belong together waits.
            let _still = self.together.write();
            self.series.read().drain_into(&mut samples);
        }
        self.samples.drain_into(&mut samples);
        if !samples.value.is_empty() {
            samples.series_id.push(self.own.batches);
            samples.value.push(1.0);
        }
        samples
    }

    /// Makes the next batch hold every gauge.
    pub(crate) fn refresh_gauges(&self) {
        self.series.read().refresh_gauges();
    }

    /// Makes a metric known that may have no series yet.
    pub(crate) fn declare(&self, spec: &MetricSpec) -> Result<(), LookupError> {
        self.series.write().declare(spec)
    }

    /// The next declarations for a stream, as many as fit one message.
    pub(crate) fn next_declarations(&self, declared: &mut Declared) -> Declarations {
        self.series.read().next_declarations(declared)
    }

    fn series(
        &self,
        spec: &MetricSpec,
        kind: MetricKind,
        label_values: &[&str],
    ) -> Result<(u32, Cell), LookupError> {
        lookup::check(spec, kind, label_values)?;
        if let Some(known) = self.series.read().get(spec, label_values) {
            return Ok(known);
        }
        self.series.write().get_or_insert(spec, label_values)
    }
}
