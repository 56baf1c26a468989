//! The service as a whole: bound to its addresses, then run until it is told to end.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;
use vision_metrics::{Registry, Snapshot};
use vision_metrics_client::{Recorder, RecorderSettingsError, RecorderTask};
use vision_proto::detector::v1::detector_service_server::DetectorServiceServer;
use vision_service::{
    AppInfo, grpc,
    http::{self, Exposition, Health},
    readiness::Readiness,
    shutdown::Drain,
    telemetry::Telemetry,
};

use crate::{
    grpc::{DetectorGrpc, Engine},
    inference::{LoadError, LoadedModel},
    pipeline::{FrameResult, Pipeline, PipelineHandle},
    publish::{Publisher, Watchers},
    sampler,
    settings::{MetricsSettings, Settings},
    source::{self, redis::RedisSource},
};

/// Which program this is.
pub const APP: AppInfo =
    AppInfo { name: "detector-svc", version: env!("CARGO_PKG_VERSION"), env_prefix: "DETECTOR_SVC" };

/// The condition of readiness that the model is loaded and warm.
const MODEL_READY: &str = "model";
/// The condition of readiness that the process is not ending.
const ACCEPTING: &str = "accepting";
/// Results that wait to be published.
const RESULT_CAPACITY: usize = 64;
/// Part of the grace that is kept for telling the metrics service the last counts.
const FLUSH_SHARE: u32 = 4;

/// Why the service did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The metrics service's address cannot be used.
    #[error("metrics: {0}")]
    Metrics(#[from] RecorderSettingsError),
    /// The process's own telemetry cannot be set up.
    #[error("telemetry: {0}")]
    Telemetry(String),
    /// The model cannot be served.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// Redis settings cannot be used.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// The system gives no more threads.
    #[error("start a thread: {0}")]
    Thread(io::Error),
    /// A part that should run until the end has ended.
    #[error("{part} ended: {reason}")]
    Ended {
        /// Which.
        part: &'static str,
        /// Why.
        reason: String,
    },
}

/// The service, listening and not serving yet.
pub struct App {
    settings: Settings,
    started: Instant,
    readiness: Readiness,
    telemetry: Telemetry,
    recorder: Recorder,
    metrics: Metrics,
    grpc: grpc::Bound,
    http: http::Bound,
}

/// Where metrics go.
enum Metrics {
    Service(RecorderTask),
    Here(Arc<Registry>),
}

/// What runs once there is a model.
struct Running {
    pipeline: Pipeline,
    feed: Option<JoinHandle<()>>,
    publisher: JoinHandle<()>,
    sampler: JoinHandle<()>,
}

impl App {
    /// Listens on the settings' addresses.
    ///
    /// # Errors
    /// [`AppError`]: an address is taken, or the settings cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, AppError> {
        let (recorder, metrics) = Metrics::start(&settings.metrics)?;
        let bind = |address| move |source| AppError::Bind { address, source };
        let (grpc_addr, http_addr) = (settings.grpc.listen, settings.http.listen);
        let reads_redis = !settings.redis.url.is_empty();
        let redis = reads_redis.then_some(source::redis::READY_CONDITION);
        let conditions: Vec<_> = [MODEL_READY].into_iter().chain(redis).collect();
        Ok(Self {
            started: Instant::now(),
            readiness: Readiness::awaiting(&conditions),
            telemetry: Telemetry::new("detector_svc")
                .map_err(|error| AppError::Telemetry(error.to_string()))?,
            recorder,
            metrics,
            grpc: grpc::bind(grpc_addr).await.map_err(bind(grpc_addr))?,
            http: http::bind(http_addr).await.map_err(bind(http_addr))?,
            settings,
        })
    }

    /// Where gRPC is served.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Serves until `token` is cancelled, then finishes what is in progress within the settings' grace.
    ///
    /// # Errors
    /// [`AppError`]: the model cannot be served, or a part ended by itself.
    pub async fn run(self, token: CancellationToken) -> Result<(), AppError> {
        let Self { settings, started, readiness, telemetry, recorder, metrics, grpc, http } = self;
        // The pages stay up until everything else has ended, so that the last counts can be read.
        let pages_token = CancellationToken::new();
        let drain = Drain::new(pages_token.clone(), settings.shutdown.grace);
        let exposition = Exposition {
            snapshot: metrics.snapshot_source(),
            telemetry: telemetry.clone(),
            readiness: readiness.clone(),
            health: Health::new(APP, started),
        };
        drain.spawn(http.serve(exposition.router(), pages_token.clone()));

        let (engine, watchers) = (Arc::new(OnceLock::new()), Watchers::default());
        let service = DetectorGrpc::new(Arc::clone(&engine), watchers.clone(), token.clone());
        let service = DetectorServiceServer::new(service)
            .max_decoding_message_size(settings.grpc.max_message_bytes)
            .max_encoding_message_size(usize::MAX);
        let api = grpc::Api::new(&readiness, &telemetry).with(service);
        let mut server = drain.spawn(grpc.serve(api, token.clone()));

        let served = async {
            let Some(loaded) = token.run_until_cancelled(load(&settings)).await else {
                return Ok(None);
            };
            let running = Running::start(loaded?, &settings, &recorder, &readiness, watchers, &token)?;
            let pipeline = running.pipeline.handle();
            let (thresholds, max_batch_size) = (settings.model.thresholds(), settings.batch.max_size);
            // Nobody else sets it.
            let _ = engine.set(Engine { pipeline, thresholds, max_batch_size });
            readiness.set(MODEL_READY, true);
            Ok::<_, AppError>(Some(running))
        };
        let outcome = match served.await {
            Ok(running) => {
                // Told to end, the server may be the first to have done so.
                let ended = match token.run_until_cancelled(&mut server).await {
                    Some(ended) if !token.is_cancelled() => Err(server_ended(ended)),
                    _ => Ok(()),
                };
                let deadline = Instant::now() + settings.shutdown.grace;
                readiness.set(ACCEPTING, false);
                token.cancel();
                if let Some(running) = running {
                    running.finish(settings.shutdown.grace / FLUSH_SHARE * (FLUSH_SHARE - 1)).await;
                }
                metrics.finish(deadline.saturating_duration_since(Instant::now())).await;
                ended
            }
            Err(error) => {
                token.cancel();
                Err(error)
            }
        };
        pages_token.cancel();
        if let Err(overdue) = drain.finish().await {
            tracing::warn!(error = %overdue, "ending all the same");
        }
        outcome
    }
}

impl Metrics {
    fn start(settings: &MetricsSettings) -> Result<(Recorder, Self), AppError> {
        let registry = Arc::new(Registry::with_max_series(&settings.namespace, settings.max_series));
        if !settings.enabled {
            return Ok((Recorder::disabled(), Self::Here(registry)));
        }
        match settings.recorder() {
            Some(recorder) => {
                let (recorder, task) = Recorder::connect(recorder)?;
                Ok((recorder, Self::Service(task)))
            }
            None => Ok((Recorder::local(Arc::clone(&registry)), Self::Here(registry))),
        }
    }

    fn snapshot_source(&self) -> http::SnapshotSource {
        match self {
            Self::Service(_) => Arc::new(|| Snapshot { time: unix_now(), metrics: Vec::new() }),
            Self::Here(registry) => {
                let registry = Arc::clone(registry);
                Arc::new(move || registry.snapshot(unix_now()))
            }
        }
    }

    async fn finish(self, patience: Duration) {
        if let Self::Service(task) = self
            && let Err(unflushed) = task.shutdown(patience).await
        {
            tracing::warn!(error = %unflushed, "metrics are lost");
        }
    }
}

impl Running {
    fn start(
        loaded: LoadedModel,
        settings: &Settings,
        recorder: &Recorder,
        readiness: &Readiness,
        watchers: Watchers,
        token: &CancellationToken,
    ) -> Result<Self, AppError> {
        let model = Arc::new(loaded.model.clone());
        tracing::info!(model = %model, provider = %loaded.session.provider(), "model ready");
        let (results_tx, results) = mpsc::channel(RESULT_CAPACITY);
        let thresholds = settings.model.thresholds();
        let pipeline = Pipeline::start(loaded, &settings.pipeline(), thresholds, recorder, results_tx)
            .map_err(AppError::Thread)?;
        let handle = pipeline.handle();
        let sampler = tokio::spawn(sampler::sample(handle.clone(), recorder.clone(), token.clone()));
        let (publisher, feed) = if settings.redis.url.is_empty() {
            (tokio::spawn(discard(results)), None)
        } else {
            let connection = settings.redis.writer(&settings.redis.client()?)?;
            let publisher = Publisher::new(settings.publish.clone(), connection, model, watchers, recorder);
            let feed = feed(settings, handle, recorder, readiness, token)?;
            (tokio::spawn(publisher.run(results)), Some(feed))
        };
        Ok(Self { pipeline, feed, publisher, sampler })
    }

    /// Finishes the frames in progress: first no more come in, then the pipeline empties, then the publisher.
    async fn finish(self, patience: Duration) {
        let Self { pipeline, feed, publisher, sampler } = self;
        let finished = tokio::time::timeout(patience, async {
            if let Some(feed) = feed {
                feed.await?;
            }
            sampler.await?;
            tokio::task::spawn_blocking(|| pipeline.shut_down()).await?;
            publisher.await
        });
        match finished.await {
            Ok(Ok(())) => tracing::info!("pipeline has drained"),
            Ok(Err(error)) => tracing::error!(%error, "a task of the pipeline panicked"),
            Err(_) => tracing::warn!(?patience, "frames in progress are given up"),
        }
    }
}

fn feed(
    settings: &Settings,
    pipeline: PipelineHandle,
    recorder: &Recorder,
    readiness: &Readiness,
    token: &CancellationToken,
) -> Result<JoinHandle<()>, AppError> {
    let output = &settings.publish.objects_stream;
    let source = RedisSource::new(settings.redis.clone(), output, recorder, readiness.clone())?;
    Ok(tokio::spawn(source::feed(source, pipeline, recorder.clone(), token.clone())))
}

/// Without Redis no stream has frames, so no results come; the channel is read to its end all the same.
async fn discard(mut results: mpsc::Receiver<FrameResult>) {
    while results.recv().await.is_some() {}
}

async fn load(settings: &Settings) -> Result<LoadedModel, AppError> {
    let (source, labels) = (settings.model.source(), settings.model.labels.clone());
    let (runtime, max_batch) = (settings.runtime.clone(), settings.batch.max_size);
    let load = move || LoadedModel::load(&source, &labels, &runtime, max_batch);
    let loaded = tokio::task::spawn_blocking(load).await;
    let panicked =
        |error: JoinError| AppError::Ended { part: "loading the model", reason: error.to_string() };
    Ok(loaded.map_err(panicked)??)
}

fn server_ended(ended: Result<Result<(), grpc::ServeError>, JoinError>) -> AppError {
    let reason = match ended {
        Ok(Ok(())) => "for no reason".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    AppError::Ended { part: "the gRPC server", reason }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
