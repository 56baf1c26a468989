//! The service as a whole: bound first, then run until it is told to end.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{self, Duration},
};

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use vision_metrics::{Registry, SeriesLimits};
use vision_service::{
    clock::unix_now,
    grpc::{self, ServeError},
    http::{self, Exposition, Health},
    readiness::Readiness,
    shutdown::Drain,
    telemetry::Telemetry,
};

use crate::{
    APP, Ingest, Intake, MetricsGrpc, MetricsSettings, Settings, StorageSettings,
    durable::{CheckpointRules, Durable, DurableError, STORAGE},
    ingest::ExpiryRules,
};

/// What `/ready` names while the gRPC server takes no calls.
const GRPC: &str = "grpc";
/// How long the last checkpoint may take though open calls have used the grace up.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// The service, listening and not serving yet.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    grpc: grpc::Bound,
    http: http::Bound,
    intake: Intake,
    telemetry: Telemetry,
    readiness: Readiness,
    started: time::Instant,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// An address cannot be listened on.
    #[error("listen on {address} for {server}: {source}")]
    Listen {
        /// Which server, `gRPC` or `HTTP`.
        server: &'static str,
        /// The address in the settings.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The metrics that were kept cannot be had, or none be kept.
    #[error("keep metrics in {dir:?}: {source}")]
    Storage {
        /// The directory in the settings.
        dir: String,
        /// Why.
        source: DurableError,
    },
    /// The service cannot tell about itself.
    #[error("set up telemetry: {0}")]
    Telemetry(String),
}

/// Why the service ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The gRPC server failed.
    #[error("serve gRPC: {0}")]
    Grpc(#[from] ServeError),
    /// A part of the service panicked.
    #[error("a task panicked: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl App {
    /// Listens on the addresses of the settings, and restores the metrics that were kept.
    ///
    /// # Errors
    /// An address cannot be listened on, the telemetry not be set up, or the directory not be used.
    pub async fn bind(settings: Settings) -> Result<Self, BindError> {
        let started = time::Instant::now();
        let listen = |server, address| move |source| BindError::Listen { server, address, source };
        let address = settings.grpc.listen;
        let grpc = grpc::bind(address).await.map_err(listen("gRPC", address))?;
        let address = settings.http.listen;
        let http = http::bind(address).await.map_err(listen("HTTP", address))?;
        let telemetry =
            Telemetry::new("metrics_svc").map_err(|error| BindError::Telemetry(error.to_string()))?;
        let readiness = match &*settings.storage.dir {
            "" => Readiness::awaiting(&[GRPC]),
            _ => Readiness::awaiting(&[GRPC, STORAGE]),
        };
        let registry = Arc::new(registry(&settings.metrics));
        let per_producer = settings.metrics.max_series_per_producer;
        let ingest = Arc::new(Ingest::new(registry, per_producer, &telemetry.meter()));
        let intake = intake(ingest, settings.storage.clone(), readiness.clone(), telemetry.clone()).await?;
        Ok(Self { settings, grpc, http, intake, telemetry, readiness, started })
    }

    /// Where the gRPC server listens.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }

    /// Where the HTTP server listens.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Serves until `token` is cancelled, then lets open calls end, at most as long as the settings' grace.
    ///
    /// # Errors
    /// A server failed before.
    pub async fn run(self, token: CancellationToken) -> Result<(), RunError> {
        let drain = Drain::new(token.clone(), self.settings.shutdown.grace);
        let readiness = self.readiness;
        let pages = Exposition {
            snapshot: http::snapshots(Arc::clone(self.intake.ingest().registry())),
            telemetry: self.telemetry.clone(),
            readiness: readiness.clone(),
            health: Health::new(APP, self.started),
        };
        drain.spawn(self.http.serve(pages.router(), token.clone()));
        drain.spawn(expire(self.intake.clone(), expiry(&self.settings.metrics), token.clone()));
        let service = MetricsGrpc::new(self.intake.clone(), token.clone());
        let service = service.into_server(self.settings.grpc.max_message_bytes);
        let api = grpc::Api::new(&readiness, &self.telemetry).with(service);
        let server = self.grpc.with_limits(self.settings.grpc.limits.clone());
        let serving = drain.spawn(server.serve(api, token.clone()));
        readiness.set(GRPC, true);
        let failed = token.run_until_cancelled(serving).await;
        readiness.set(GRPC, false);
        token.cancel();
        let ending = time::Instant::now();
        if let Err(overdue) = drain.finish().await {
            tracing::warn!(%overdue, "ending without waiting any longer");
        }
        let left = self.settings.shutdown.grace.saturating_sub(ending.elapsed());
        self.intake.close(left.max(LAST_PATIENCE)).await;
        match failed {
            Some(ended) => Ok(ended??),
            None => Ok(()),
        }
    }
}

fn registry(settings: &MetricsSettings) -> Registry {
    let limits = SeriesLimits { total: settings.max_series, per_metric: settings.max_series_per_metric };
    let registry = Registry::with_limits(&settings.namespace, limits);
    registry.with_extra_buckets(settings.buckets.clone()).started_at(unix_now())
}

/// Restores what was kept, if anything is to be.
async fn intake(
    ingest: Arc<Ingest>,
    settings: StorageSettings,
    readiness: Readiness,
    telemetry: Telemetry,
) -> Result<Intake, BindError> {
    if settings.dir.is_empty() {
        return Ok(Intake::in_memory(ingest));
    }
    let StorageSettings { dir, checkpoint_bytes, checkpoint_interval } = settings;
    let rules = CheckpointRules { bytes: checkpoint_bytes, interval: checkpoint_interval };
    let (path, restored) = (dir.clone(), Arc::clone(&ingest));
    let open = move || Durable::open(Path::new(&path), rules, restored, readiness, &telemetry.meter());
    // Reading takes a while.
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.unwrap_or_else(|error| Err(DurableError::Thread(io::Error::other(error))));
    let durable = opened.map_err(|source| BindError::Storage { dir, source })?;
    Ok(Intake::durable(ingest, durable))
}

fn expiry(settings: &MetricsSettings) -> ExpiryRules {
    ExpiryRules {
        gauges: settings.expire_after,
        totals: settings.expire_totals_after,
        producers: settings.forget_producers_after,
    }
}

/// Drops what is too old until `token` is cancelled.
async fn expire(intake: Intake, rules: ExpiryRules, token: CancellationToken) {
    let period = rules.interval();
    // Whoever was here before a restart has time to come back.
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while token.run_until_cancelled(ticks.tick()).await.is_some() {
        intake.expire(&rules);
    }
}
