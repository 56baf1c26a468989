//! Serves `vision.detector.v1.DetectorService`.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use futures_util::{Stream, StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use vision_proto::detector::v1::{
    DetectError as WireDetectError, DetectRequest, DetectResponse, DetectStreamRequest, DetectStreamResponse,
    GetModelRequest, GetModelResponse, WatchRequest, WatchResponse,
    detect_stream_response::Result as Outcome, detector_service_server::DetectorService,
};

use super::{convert, deadline, oversized::oversized_is_invalid_status, watch::StreamPatterns};
use crate::{
    model::Thresholds,
    pipeline::{DetectError, PipelineHandle},
    publish::Watchers,
};

/// Requests of one stream that are worked on at once.
const STREAM_CONCURRENCY: usize = 16;

type ResponseStream<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What answers calls, once the model is loaded.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The way into the pipeline.
    pub pipeline: PipelineHandle,
    /// What counts as a detection when a request does not say.
    pub thresholds: Thresholds,
    /// Whether callers may have objects tracked.
    pub tracks: bool,
}

/// Serves calls; until there is an engine, with `UNAVAILABLE`.
#[derive(Clone, Debug)]
pub struct DetectorGrpc {
    engine: Arc<OnceLock<Engine>>,
    watchers: Watchers,
    shutdown: CancellationToken,
}

impl DetectorGrpc {
    /// A service whose open streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn new(engine: Arc<OnceLock<Engine>>, watchers: Watchers, shutdown: CancellationToken) -> Self {
        Self { engine, watchers, shutdown }
    }

    fn engine(&self) -> Result<&Engine, Status> {
        self.engine.get().ok_or_else(|| Status::unavailable("the model is loading: try again in a moment"))
    }
}

impl Engine {
    async fn detect(
        &self,
        mut wire: DetectRequest,
        deadline: Option<Instant>,
    ) -> Result<DetectResponse, Status> {
        let request_id = std::mem::take(&mut wire.request_id);
        let encoding = convert::mask_encoding(&wire)?;
        let served = self.pipeline.served();
        let makes_masks = self.pipeline.makes_masks(&served);
        let (thresholds, tracks) = (self.thresholds, self.tracks);
        // Many words take a while to become tokens.
        let words = !wire.labels.is_empty() && served.model.is_open_vocabulary();
        let read = move || convert::request(wire, served, thresholds, tracks, makes_masks, deadline);
        let request = apart(words, read).await??;
        let (masks, detected) = (request.masks, self.pipeline.detect(request).await?);
        let respond = move || (convert::response(request_id, &detected, encoding), detected);
        let (response, detected) = apart(masks, respond).await?;
        self.pipeline.give_back(detected);
        response
    }

    /// The answer to one request of a stream: an error is an answer, too.
    async fn answer(&self, wire: DetectStreamRequest) -> DetectStreamResponse {
        let request = wire.request.unwrap_or_default();
        let request_id = request.request_id.clone();
        let result = match self.detect(request, None).await {
            Ok(response) => Outcome::Response(Box::new(response)),
            Err(status) => Outcome::Error(WireDetectError {
                request_id,
                code: status.code().into(),
                message: status.message().to_owned(),
            }),
        };
        DetectStreamResponse { result: Some(result) }
    }
}

/// Does work that takes `long` where nobody else waits for it, and other work here.
async fn apart<T: Send + 'static>(
    long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    if !long {
        return Ok(work());
    }
    let failed = |error| Status::internal(format!("a part of the call failed: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

#[tonic::async_trait]
impl DetectorService for DetectorGrpc {
    type DetectStreamStream = ResponseStream<DetectStreamResponse>;
    type WatchStream = ResponseStream<WatchResponse>;

    async fn detect(&self, request: Request<DetectRequest>) -> Result<Response<DetectResponse>, Status> {
        let now = Instant::now();
        let deadline = deadline::answer_by(request.metadata(), now);
        // The server's own timer would say so, too, with another status.
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(DetectError::Expired.into());
        }
        self.engine()?.detect(request.into_inner(), deadline).await.map(Response::new)
    }

    async fn detect_stream(
        &self,
        request: Request<Streaming<DetectStreamRequest>>,
    ) -> Result<Response<Self::DetectStreamStream>, Status> {
        let engine = self.engine()?.clone();
        let (ending, ended) = (self.shutdown.clone(), self.shutdown.clone());
        // At the end no more requests are taken; those taken are answered.
        let requests = request.into_inner().take_until(async move { ending.cancelled().await });
        let responses = requests.map(move |request| {
            let engine = engine.clone();
            async move { Ok(engine.answer(request.map_err(oversized_is_invalid_status)?).await) }
        });
        let responses = responses.buffered(STREAM_CONCURRENCY);
        let unavailable = || Err(Status::unavailable(DetectError::ShuttingDown.to_string()));
        let last = stream::once(async move { ended.is_cancelled().then(unavailable) });
        Ok(Response::new(Box::pin(responses.chain(last.filter_map(std::future::ready)))))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.engine()?;
        let patterns = StreamPatterns::new(request.get_ref())?;
        let watching = self.watchers.subscribe(move |stream| patterns.matches(stream));
        let responses = stream::unfold(watching, async |watching| {
            let (published, missed) = watching.next().await;
            let masks = published.has_masks();
            let response = apart(masks, move || convert::watched(&published, missed)).await;
            Some((response, watching))
        });
        let shutdown = self.shutdown.clone();
        Ok(Response::new(Box::pin(responses.take_until(async move { shutdown.cancelled().await }))))
    }

    async fn get_model(&self, _: Request<GetModelRequest>) -> Result<Response<GetModelResponse>, Status> {
        let engine = self.engine()?;
        let served = engine.pipeline.served();
        let (model, provider) = (&served.model, served.provider);
        Ok(Response::new(GetModelResponse {
            model_id: model.id.clone(),
            family: model.family.name().to_owned(),
            labels: served.vocabulary().labels.to_vec(),
            input_width: model.input.width,
            input_height: model.input.height,
            provider: provider.as_str().to_owned(),
            device: provider.device().to_owned(),
            max_batch_size: u32::try_from(model.batch.max).unwrap_or(u32::MAX),
            confidence_threshold: engine.thresholds.confidence,
            runtime_version: crate::inference::runtime_version().to_owned(),
        }))
    }
}
