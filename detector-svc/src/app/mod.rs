//! The service as a whole: bound to its addresses, then run until it is told to end.

mod error;
mod metrics_sink;
mod reload;
mod running;
mod streams;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue;
use vision_metrics_client::Recorder;
use vision_proto::detector::v1::detector_service_server::DetectorServiceServer;
use vision_service::{
    AppInfo, grpc,
    http::{self, Exposition, Health},
    readiness::Readiness,
    shutdown::Drain,
    telemetry::Telemetry,
};

pub use self::error::AppError;
use self::{
    metrics_sink::MetricsSink,
    running::{Running, load},
};
use crate::{
    grpc::{DetectorGrpc, Engine, oversized_is_invalid},
    ledger::Ledger,
    publish::Watchers,
    settings::Settings,
    source,
};

/// Which program this is.
pub const APP: AppInfo =
    AppInfo { name: "detector-svc", version: env!("CARGO_PKG_VERSION"), env_prefix: "DETECTOR_SVC" };

/// The condition of readiness that the model is loaded and warm.
const MODEL_READY: &str = "model";
/// The condition of readiness that the process is not ending.
const ACCEPTING: &str = "accepting";
/// Part of the grace that is kept for telling the metrics service the last counts.
const FLUSH_SHARE: u32 = 4;

/// The service, listening and not serving yet.
pub struct App {
    parts: Parts,
    metrics: MetricsSink,
    grpc: grpc::Bound,
    http: http::Bound,
}

/// What every part of the service is given.
struct Parts {
    settings: Settings,
    started: Instant,
    readiness: Readiness,
    telemetry: Telemetry,
    recorder: Recorder,
    watchers: Watchers,
    /// Set once the model is loaded.
    engine: Arc<OnceLock<Engine>>,
}

impl App {
    /// Listens on the settings' addresses.
    ///
    /// # Errors
    /// [`AppError`]: an address is taken, or the settings cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, AppError> {
        let bind = |address| move |source| AppError::Bind { address, source };
        let (grpc_addr, http_addr) = (settings.grpc.listen, settings.http.listen);
        let redis = (!settings.redis.url.is_empty()).then_some(source::redis::READY_CONDITION);
        let conditions: Vec<_> = [MODEL_READY].into_iter().chain(redis).collect();
        let telemetry =
            Telemetry::new("detector_svc").map_err(|error| AppError::Telemetry(error.to_string()))?;
        let grpc = grpc::bind(grpc_addr).await.map_err(bind(grpc_addr))?;
        let http = http::bind(http_addr).await.map_err(bind(http_addr))?;
        // A process that cannot have its addresses must not take over the metrics of the one that has them.
        let (recorder, metrics) = MetricsSink::start(&settings.metrics, grpc_addr.port())?;
        recorder.declare(catalogue::ALL);
        Ok(Self {
            metrics,
            grpc,
            http,
            parts: Parts {
                started: Instant::now(),
                readiness: Readiness::awaiting(&conditions),
                telemetry,
                recorder,
                watchers: Watchers::default(),
                engine: Arc::default(),
                settings,
            },
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
        let Self { parts, metrics, grpc, http } = self;
        let grace = parts.settings.shutdown.grace;
        // The pages stay up until everything else has ended, so that the last counts can be read.
        let pages_token = CancellationToken::new();
        let drain = Drain::new(pages_token.clone(), grace);
        drain.spawn(http.serve(parts.pages(&metrics).router(), pages_token.clone()));
        let grpc = grpc.with_limits(parts.settings.grpc.limits.clone());
        let server = drain.spawn(grpc.serve(parts.api(&token), token.clone()));

        let running = token.run_until_cancelled(parts.start(&metrics, &token)).await.transpose();
        let ended = match &running {
            Ok(running) => until_ended(running.as_ref(), server, &token).await,
            Err(_) => Ok(()),
        };
        let deadline = Instant::now() + grace;
        parts.readiness.set(ACCEPTING, false);
        token.cancel();
        let finished = match running {
            Ok(Some(running)) => {
                running.finish(grace / FLUSH_SHARE * (FLUSH_SHARE - 1)).await;
                ended
            }
            Ok(None) => ended,
            Err(error) => Err(error),
        };
        // A process that failed to start has little to tell.
        let patience = if finished.is_ok() { grace } else { grace / FLUSH_SHARE };
        metrics.finish(patience.min(deadline.saturating_duration_since(Instant::now()))).await;
        pages_token.cancel();
        match tokio::time::timeout_at(deadline.into(), drain.finish()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => tracing::warn!(?grace, "ending with connections open"),
        }
        finished
    }
}

impl Parts {
    fn pages(&self, metrics: &MetricsSink) -> Exposition {
        Exposition {
            snapshot: metrics.snapshot_source(),
            telemetry: self.telemetry.clone(),
            readiness: self.readiness.clone(),
            health: Health::new(APP, self.started),
        }
    }

    fn api(&self, token: &CancellationToken) -> grpc::Api {
        let service = DetectorGrpc::new(Arc::clone(&self.engine), self.watchers.clone(), token.clone());
        let service = DetectorServiceServer::new(service)
            .max_decoding_message_size(self.settings.grpc.max_message_bytes)
            .max_encoding_message_size(usize::MAX);
        grpc::Api::new(&self.readiness, &self.telemetry).with(oversized_is_invalid(service))
    }

    /// Loads the model and starts what needs it.
    async fn start(&self, metrics: &MetricsSink, token: &CancellationToken) -> Result<Running, AppError> {
        let hangups = reload::hangups()?;
        let files = self.settings.model.source().fingerprint();
        let abandoned = async { Ok(metrics.abandoned_frames().await) };
        let (models, abandoned) = tokio::try_join!(load(&self.settings), abandoned)?;
        let ledger = Ledger::new(&self.recorder, &models.detector.model.id, abandoned);
        let mut running = Running::start(self, models, ledger, token)?;
        running.look_after_model(self, files, hangups, token);
        let engine = Engine {
            pipeline: running.handle(),
            thresholds: self.settings.model.thresholds(),
            tracks: self.settings.track.enabled,
        };
        // Nobody else sets it.
        let _ = self.engine.set(engine);
        self.readiness.set(MODEL_READY, true);
        Ok(running)
    }
}

/// Waits until the service is told to end, or a part that should not ends.
async fn until_ended(
    running: Option<&Running>,
    server: JoinHandle<Result<(), grpc::ServeError>>,
    token: &CancellationToken,
) -> Result<(), AppError> {
    let broken = async {
        match running {
            Some(running) => running.broken().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // Told to end, the server may be the first to have done so.
        biased;
        () = token.cancelled() => Ok(()),
        ended = server => match token.is_cancelled() {
            true => Ok(()),
            false => Err(server_ended(ended)),
        },
        () = broken => Err(AppError::Ended { part: "the pipeline", reason: "a part of it panicked".to_owned() }),
    }
}

fn server_ended(ended: Result<Result<(), grpc::ServeError>, JoinError>) -> AppError {
    let reason = match ended {
        Ok(Ok(())) => "for no reason".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    AppError::Ended { part: "the gRPC server", reason }
}
