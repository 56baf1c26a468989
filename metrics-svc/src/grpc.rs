//! The gRPC face: `Record` streams and `GetMetrics`.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use vision_proto::metrics::v1::{
    GetMetricsRequest, GetMetricsResponse, RecordRequest, RecordResponse,
    metrics_service_server::{MetricsService, MetricsServiceServer},
};

use crate::{
    ingest::{ApplyError, Ingest, OpenError, Session, unix_now},
    query,
};

/// Responses that may wait for a slow reader before its batches wait too.
const RESPONSE_CAPACITY: usize = 16;

/// Largest request, in bytes: what gRPC clients expect a server to take, and a recorder keeps well below it.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Serves `vision.metrics.v1.MetricsService`.
#[derive(Clone, Debug)]
pub struct MetricsGrpc {
    ingest: Arc<Ingest>,
    shutdown: CancellationToken,
}

impl MetricsGrpc {
    /// A service whose open streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn new(ingest: Arc<Ingest>, shutdown: CancellationToken) -> Self {
        Self { ingest, shutdown }
    }

    /// The service as a server adds it, with its limit on messages.
    #[must_use]
    pub fn into_server(self) -> MetricsServiceServer<Self> {
        MetricsServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }
}

#[tonic::async_trait]
impl MetricsService for MetricsGrpc {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        request: Request<Streaming<RecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        let (responses, receiver) = mpsc::channel(RESPONSE_CAPACITY);
        let stream = RecordStream {
            ingest: Arc::clone(&self.ingest),
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
        let registry = Arc::clone(self.ingest.registry());
        let request = request.into_inner();
        // A large snapshot takes milliseconds, which other calls should not wait for.
        let page = tokio::task::spawn_blocking(move || query::page(&registry.snapshot(unix_now()), &request));
        let page = page.await.map_err(|error| Status::internal(format!("snapshot: {error}")))?;
        Ok(Response::new(page))
    }
}

/// One open `Record` call.
struct RecordStream {
    ingest: Arc<Ingest>,
    shutdown: CancellationToken,
    requests: Streaming<RecordRequest>,
    responses: mpsc::Sender<Result<RecordResponse, Status>>,
}

impl RecordStream {
    async fn run(mut self) {
        let _open = self.ingest.stream_opened();
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
        match first.producer.clone() {
            Some(producer) => {
                let session = self.ingest.open(&producer.id, producer.epoch)?;
                tokio::select! {
                    served = self.serve_producer(&session, first) => served,
                    error = session.superseded() => Err(error.into()),
                }
            }
            None => self.serve_anonymous(first).await,
        }
    }

    async fn serve_producer(&mut self, session: &Session, first: RecordRequest) -> Result<(), Status> {
        if first.sequence != 0 {
            self.respond(self.ingest.resume_point(session)).await?;
        }
        let mut next = Some(first);
        while let Some(request) = next {
            let response = self.ingest.apply(session, &request)?;
            drop(request);
            self.respond(response).await?;
            next = self.requests.message().await?;
        }
        Ok(())
    }

    async fn serve_anonymous(&mut self, first: RecordRequest) -> Result<(), Status> {
        let mut series = self.ingest.anonymous();
        let mut next = Some(first);
        while let Some(request) = next {
            let response = self.ingest.apply_anonymous(&mut series, &request);
            drop(request);
            self.respond(response).await?;
            next = self.requests.message().await?;
        }
        Ok(())
    }

    /// Waits while a slow reader has not taken earlier responses: its next batches are not read meanwhile.
    async fn respond(&self, response: RecordResponse) -> Result<(), Status> {
        let sent = self.responses.send(Ok(response)).await;
        sent.map_err(|_| Status::cancelled("reader of the responses is gone"))
    }
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error {
            OpenError::InvalidId(_) => Self::invalid_argument(message),
            OpenError::StaleEpoch { .. } => Self::failed_precondition(message),
            OpenError::TooMany => Self::resource_exhausted(message),
        }
    }
}

impl From<ApplyError> for Status {
    fn from(error: ApplyError) -> Self {
        let message = error.to_string();
        match error {
            ApplyError::Unnumbered(_) => Self::invalid_argument(message),
            ApplyError::Superseded(_) => Self::aborted(message),
        }
    }
}
