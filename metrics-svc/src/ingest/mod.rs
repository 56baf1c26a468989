//! From `Record` messages to series: each numbered batch of a producer is applied exactly once.

mod batch;
mod convert;
mod expiry;
mod producer;
mod rejection;
mod series_table;
mod session;
mod slots;
mod telemetry;
pub mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use opentelemetry::metrics::Meter;
use vision_metrics::{Registry, UnixTime};
use vision_proto::metrics::v1::RecordResponse;
use vision_service::clock::unix_now;

pub use self::producer::OpenError;
pub(crate) use self::{
    expiry::{Expired, ExpiryRules},
    producer::{ProducerTable, Progress, Sender},
    series_table::SeriesTable,
    session::{ApplyError, Session},
};
use self::{rejection::Rejections, telemetry::IngestTelemetry, wire::Batch};

/// Applies batches to a registry.
#[derive(Debug)]
pub struct Ingest {
    registry: Arc<Registry>,
    producers: Arc<ProducerTable>,
    telemetry: IngestTelemetry,
    /// Start of this state's life, nanoseconds since the Unix epoch.
    epoch: AtomicU64,
}

impl Ingest {
    /// An ingest that applies to `registry` and reports about itself through `meter`. One producer may make
    /// `max_series_per_producer` series; 0: as many as there may be.
    #[must_use]
    pub fn new(registry: Arc<Registry>, max_series_per_producer: usize, meter: &Meter) -> Self {
        let producers = Arc::new(ProducerTable::new(max_series_per_producer));
        let telemetry = IngestTelemetry::new(meter, &registry, &producers);
        let epoch = u64::try_from(unix_now().as_nanos()).unwrap_or(u64::MAX);
        Self { registry, producers, telemetry, epoch: AtomicU64::new(epoch) }
    }

    /// The registry that batches are applied to.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn producers(&self) -> &ProducerTable {
        &self.producers
    }

    /// Which life of the state this is: another means that series definitions and declarations are lost.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }

    /// Goes on with the life of a state that was kept.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Relaxed);
    }

    /// Counts a stream as open until the guard is dropped.
    pub(crate) fn stream_opened(&self) -> impl Drop + use<> {
        self.telemetry.stream_opened()
    }

    /// Makes a new stream the producer's only one.
    pub(crate) fn open(&self, id: &str, epoch: u64, now: UnixTime) -> Result<Session, OpenError> {
        self.producers.open(id, epoch, now)
    }

    /// A stream whose producer has no name.
    pub(crate) fn open_anonymous(&self) -> Session {
        self.producers.open_anonymous()
    }

    /// The answer that tells a producer where to resume.
    pub(crate) fn resume_point(&self, session: &Session) -> RecordResponse {
        self.respond(session.last_applied(), Rejections::default())
    }

    /// Applies a batch, unless it was applied before.
    pub(crate) fn apply(
        &self,
        session: &Session,
        batch: &Batch<'_>,
        now: UnixTime,
    ) -> Result<RecordResponse, ApplyError> {
        let started = Instant::now();
        let applied = session.apply(&self.registry, batch, now)?;
        if let Some(rejections) = &applied.rejections {
            self.telemetry.batch(batch, rejections, started.elapsed());
        }
        Ok(self.respond(applied.acked_sequence, applied.rejections.unwrap_or_default()))
    }

    /// Applies a batch again that was kept: no traffic, and nobody to answer.
    pub(crate) fn replay(
        &self,
        session: &Session,
        batch: &Batch<'_>,
        now: UnixTime,
    ) -> Result<(), ApplyError> {
        session.apply(&self.registry, batch, now).map(drop)
    }

    fn respond(&self, acked_sequence: u64, rejections: Rejections) -> RecordResponse {
        let (rejections, unlisted_rejections) = rejections.into_parts();
        RecordResponse { acked_sequence, rejections, unlisted_rejections, server_epoch: self.epoch() }
    }
}
