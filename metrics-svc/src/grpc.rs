//! The gRPC face: `Record` streams and `GetMetrics`.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use vision_proto::metrics::v1::{
    GetMetricsRequest, GetMetricsResponse, RecordRequest, RecordResponse,
    metrics_service_server::MetricsService,
};

use crate::{
    ingest::{ApplyError, Ingest, OpenError, SeriesTable, Session, unix_now},
    query,
};

/// Responses that may wait for a slow reader before its batches wait too.
const RESPONSE_CAPACITY: usize = 16;

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
        let snapshot = self.ingest.registry().snapshot(unix_now());
        let page = query::page(&snapshot, request.get_ref());
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
        if let Err(status) = self.serve().await {
            tracing::debug!(%status, "record stream ended");
            // The reader may be gone, which is as good an end.
            let _ = self.responses.send(Err(status)).await;
        }
    }

    async fn serve(&mut self) -> Result<(), Status> {
        let Some(first) = self.next(None).await? else {
            return Ok(());
        };
        match first.producer.clone() {
            Some(producer) => {
                let session = self.ingest.open(&producer.id, producer.epoch)?;
                self.serve_producer(&session, first).await
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
            self.respond(response).await?;
            next = self.next(Some(session)).await?;
        }
        Ok(())
    }

    async fn serve_anonymous(&mut self, first: RecordRequest) -> Result<(), Status> {
        let mut series = SeriesTable::default();
        let mut next = Some(first);
        while let Some(request) = next {
            let response = self.ingest.apply_anonymous(&mut series, &request);
            self.respond(response).await?;
            next = self.next(None).await?;
        }
        Ok(())
    }

    /// The next message; an error when the server stops or a newer stream has taken over.
    async fn next(&mut self, session: Option<&Session>) -> Result<Option<RecordRequest>, Status> {
        let superseded = async {
            match session {
                Some(session) => session.superseded().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shutdown.cancelled() => Err(Status::unavailable("server is shutting down")),
            error = superseded => Err(error.into()),
            request = self.requests.message() => request,
        }
    }

    async fn respond(&self, response: RecordResponse) -> Result<(), Status> {
        tokio::select! {
            () = self.shutdown.cancelled() => Err(Status::unavailable("server is shutting down")),
            sent = self.responses.send(Ok(response)) => {
                sent.map_err(|_| Status::cancelled("reader of the responses is gone"))
            }
        }
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
