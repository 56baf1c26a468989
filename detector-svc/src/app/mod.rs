//! The service as a whole: bound to its addresses, then run until it is told to end.

mod error;
mod metrics_sink;
mod running;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::task::JoinError;
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
    grpc::{DetectorGrpc, Engine},
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
    settings: Settings,
    started: Instant,
    readiness: Readiness,
    telemetry: Telemetry,
    recorder: Recorder,
    metrics: MetricsSink,
    grpc: grpc::Bound,
    http: http::Bound,
}

impl App {
    /// Listens on the settings' addresses.
    ///
    /// # Errors
    /// [`AppError`]: an address is taken, or the settings cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, AppError> {
        let (recorder, metrics) = MetricsSink::start(&settings.metrics)?;
        recorder.declare(catalogue::ALL);
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
            let pipeline = running.handle();
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
