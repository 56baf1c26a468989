//! The gRPC face: `Record` streams and `GetMetrics`.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use vision_proto::metrics::{
    raw::{MetricsService, MetricsServiceServer, RawRecordRequest},
    v1::{GetMetricsRequest, GetMetricsResponse, RecordResponse},
};
use vision_service::clock::unix_now;

use crate::{
    durable::Answer,
    ingest::{ApplyError, OpenError, Session, wire::Batch},
    intake::{Intake, Submitted},
    query,
};

/// Responses that may wait for a slow reader before its batches wait too.
const RESPONSE_CAPACITY: usize = 16;
/// Snapshots taken at once for `GetMetrics`, each a copy of what is asked for; further calls wait their turn.
const SNAPSHOTS: usize = 4;
/// Batches of one stream that may wait to be kept.
const WAITING_BATCHES: usize = 64;

/// Largest request unless the settings say otherwise, in bytes: what gRPC clients expect a server to take, and a
/// recorder keeps well below it.
pub(crate) const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Serves `vision.metrics.v1.MetricsService`.
#[derive(Clone, Debug)]
pub struct MetricsGrpc {
    intake: Intake,
    shutdown: CancellationToken,
    snapshots: Arc<Semaphore>,
}

impl MetricsGrpc {
    /// A service whose open streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn new(intake: Intake, shutdown: CancellationToken) -> Self {
        Self { intake, shutdown, snapshots: Arc::new(Semaphore::new(SNAPSHOTS)) }
    }

    /// The service as a server adds it, with its limit on messages.
    #[must_use]
    pub fn into_server(self, max_message_bytes: usize) -> MetricsServiceServer<Self> {
        MetricsServiceServer::new(self).max_decoding_message_size(max_message_bytes)
    }
}

#[tonic::async_trait]
impl MetricsService for MetricsGrpc {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        request: Request<Streaming<RawRecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        let (responses, receiver) = mpsc::channel(RESPONSE_CAPACITY);
        let stream = RecordStream {
            intake: self.intake.clone(),
            shutdown: self.shutdown.clone(),
            requests: request.into_inner(),
            responses,
        };
        tokio::spawn(stream.run());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let registry = Arc::clone(self.intake.ingest().registry());
        let request = request.into_inner();
        let turn = Arc::clone(&self.snapshots).acquire_owned().await;
        // A large snapshot takes milliseconds, which other calls should not wait for.
        let page = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            query::page(&registry, &request, unix_now())
        });
        let page = page.await.map_err(|error| Status::internal(format!("snapshot: {error}")))?;
        Ok(Response::new(page))
    }
}

/// One open `Record` call.
struct RecordStream {
    intake: Intake,
    shutdown: CancellationToken,
    requests: Streaming<RawRecordRequest>,
    responses: mpsc::Sender<Result<RecordResponse, Status>>,
}

impl RecordStream {
    async fn run(mut self) {
        let _open = self.intake.ingest().stream_opened();
        let shutdown = self.shutdown.clone();
        let served = shutdown.run_until_cancelled(self.serve()).await;
        let served = served.unwrap_or_else(|| Err(Status::unavailable("server is shutting down")));
        if let Err(status) = served {
            tracing::debug!(%status, "record stream ended");
            // The reader may be gone, which is as good an end.
            let _ = self.responses.send(Err(status)).await;
        }
    }

    async fn serve(&mut self) -> Result<(), Status> {
        let Some(first) = self.requests.message().await? else {
            return Ok(());
        };
        let (producer, sequence) = opening(&first)?;
        let session = match producer {
            Some((id, epoch)) => self.intake.open(&id, epoch).await?,
            None => Arc::new(self.intake.ingest().open_anonymous()),
        };
        if session.is_named() && sequence != 0 {
            self.respond(self.intake.ingest().resume_point(&session)).await?;
        }
        let superseded = Arc::clone(&session);
        tokio::select! {
            served = self.serve_session(&session, first) => served,
            error = superseded.superseded() => Err(error.into()),
        }
    }

    /// Takes batches as they come, and answers in their order.
    async fn serve_session(&mut self, session: &Arc<Session>, first: RawRecordRequest) -> Result<(), Status> {
        let mut waiting = FuturesOrdered::new();
        let mut next = Some(first);
        loop {
            if let Some(request) = next.take() {
                match self.intake.submit(session, request.0).await? {
                    Submitted::Applied(response) => self.respond(response).await?,
                    Submitted::Waiting(answer) => waiting.push_back(answered(answer)),
                }
            }
            tokio::select! {
                biased;
                Some(answer) = waiting.next() => self.respond(answer?).await?,
                request = self.requests.message(), if waiting.len() < WAITING_BATCHES => match request? {
                    Some(request) => next = Some(request),
                    None => break,
                },
            }
        }
        while let Some(answer) = waiting.next().await {
            self.respond(answer?).await?;
        }
        Ok(())
    }

    /// Waits while a slow reader has not taken earlier responses: its next batches are not read meanwhile.
    async fn respond(&self, response: RecordResponse) -> Result<(), Status> {
        let sent = self.responses.send(Ok(response)).await;
        sent.map_err(|_| Status::cancelled("reader of the responses is gone"))
    }
}

/// Who opens a stream with this message, and its sequence.
fn opening(request: &RawRecordRequest) -> Result<(Option<(String, u64)>, u64), ApplyError> {
    let batch = Batch::parse(&request.0).map_err(|error| ApplyError::Malformed(error.to_string()))?;
    let producer = batch.producer().map(|producer| (producer.id.to_owned(), producer.epoch));
    Ok((producer, batch.sequence()))
}

async fn answered(answer: Answer) -> Result<RecordResponse, ApplyError> {
    let closed = |_| Err(ApplyError::Unavailable("the journal is closed".to_owned()));
    answer.await.unwrap_or_else(closed)
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error {
            OpenError::InvalidId(_) => Self::invalid_argument(message),
            OpenError::StaleEpoch { .. } => Self::failed_precondition(message),
            OpenError::TooMany => Self::resource_exhausted(message),
            OpenError::Unavailable(_) => Self::unavailable(message),
        }
    }
}

impl From<ApplyError> for Status {
    fn from(error: ApplyError) -> Self {
        let message = error.to_string();
        match error {
            ApplyError::Unnumbered(_) | ApplyError::Malformed(_) => Self::invalid_argument(message),
            ApplyError::Unavailable(_) => Self::unavailable(message),
            ApplyError::Superseded(_) => Self::aborted(message),
        }
    }
}
