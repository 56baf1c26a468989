//! From `Record` messages to series: each numbered batch of a producer is applied exactly once.

mod batch;
mod convert;
mod producer;
mod rejection;
mod series_table;
mod telemetry;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use opentelemetry::metrics::Meter;
use vision_metrics::{Registry, UnixTime};
use vision_proto::metrics::v1::{RecordRequest, RecordResponse};

pub use self::producer::OpenError;
use self::{
    batch::Target,
    producer::{Applied, ProducerTable},
    rejection::Rejections,
    telemetry::IngestTelemetry,
};
pub(crate) use self::{
    producer::{ApplyError, Session},
    series_table::SeriesTable,
};

/// How long a producer may be away and still have its batches told from repetitions.
const PRODUCER_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// Applies batches to a registry.
#[derive(Debug)]
pub struct Ingest {
    registry: Arc<Registry>,
    producers: Arc<ProducerTable>,
    telemetry: IngestTelemetry,
    /// Start of this process, nanoseconds since the Unix epoch.
    epoch: u64,
}

impl Ingest {
    /// An ingest that applies to `registry` and reports about itself through `meter`.
    #[must_use]
    pub fn new(registry: Arc<Registry>, meter: &Meter) -> Self {
        let producers = Arc::new(ProducerTable::default());
        let telemetry = IngestTelemetry::new(meter, &registry, &producers);
        let epoch = u64::try_from(unix_now().as_nanos()).unwrap_or(u64::MAX);
        Self { registry, producers, telemetry, epoch }
    }

    /// The registry that batches are applied to.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Drops the gauges of producers that have not told them for `idle`, and what is known of producers that have
    /// not been seen for a day.
    pub(crate) fn expire(&self, idle: Duration, now: UnixTime) {
        let gauges = self.registry.expire_gauges(idle, now);
        let producers = self.producers.forget_idle(PRODUCER_MEMORY.max(idle), now);
        if gauges + producers > 0 {
            tracing::debug!(gauges, producers, "expired");
        }
    }

    /// The series numbers of a stream whose producer has no name.
    pub(crate) fn anonymous(&self) -> SeriesTable {
        self.producers.anonymous()
    }

    /// Counts a stream as open until the guard is dropped.
    pub(crate) fn stream_opened(&self) -> impl Drop + use<> {
        self.telemetry.stream_opened()
    }

    /// Makes a new stream the producer's only one.
    pub(crate) fn open(&self, id: &str, epoch: u64) -> Result<Session, OpenError> {
        self.producers.open(id, epoch, unix_now())
    }

    /// The answer that tells a producer where to resume.
    pub(crate) fn resume_point(&self, session: &Session) -> RecordResponse {
        self.respond(session.last_applied(), Rejections::default())
    }

    /// Applies a batch of a named producer, unless it was applied before.
    pub(crate) fn apply(
        &self,
        session: &Session,
        request: &RecordRequest,
    ) -> Result<RecordResponse, ApplyError> {
        let started = Instant::now();
        let applied = session.apply(&self.registry, request, unix_now())?;
        if let Applied::Now(rejections) = &applied.outcome {
            self.telemetry.batch(request, rejections, started.elapsed());
        }
        let rejections = match applied.outcome {
            Applied::Now(rejections) => rejections,
            Applied::Before => Rejections::default(),
        };
        Ok(self.respond(applied.acked_sequence, rejections))
    }

    /// Applies a batch that nobody numbered.
    pub(crate) fn apply_anonymous(
        &self,
        series: &mut SeriesTable,
        request: &RecordRequest,
    ) -> RecordResponse {
        let started = Instant::now();
        let target = Target { registry: &self.registry, producer: None, now: unix_now() };
        let rejections = target.apply(series, request);
        self.telemetry.batch(request, &rejections, started.elapsed());
        self.respond(request.sequence, rejections)
    }

    fn respond(&self, acked_sequence: u64, rejections: Rejections) -> RecordResponse {
        let (rejections, unlisted_rejections) = rejections.into_parts();
        RecordResponse { acked_sequence, rejections, unlisted_rejections, server_epoch: self.epoch }
    }
}

/// The wall clock.
pub(crate) fn unix_now() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
