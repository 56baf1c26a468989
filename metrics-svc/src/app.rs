//! The service as a whole: bound first, then run until it is told to end.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use vision_metrics::Registry;
use vision_service::{
    grpc::{self, ServeError},
    http::{self, Exposition, Health, SnapshotSource},
    readiness::Readiness,
    shutdown::Drain,
    telemetry::Telemetry,
};

use crate::{APP, Ingest, MetricsGrpc, Settings, ingest::unix_now};

/// What `/ready` names while the gRPC server takes no calls.
const GRPC: &str = "grpc";
/// In how many steps gauges grow old: one is shown at most a tenth longer than it should be.
const EXPIRY_STEPS: u32 = 10;

/// The service, listening and not serving yet.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    grpc: grpc::Bound,
    http: http::Bound,
    ingest: Arc<Ingest>,
    telemetry: Telemetry,
    started: Instant,
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
    /// Listens on the addresses of the settings.
    ///
    /// # Errors
    /// An address cannot be listened on, or the telemetry not be set up.
    pub async fn bind(settings: Settings) -> Result<Self, BindError> {
        let started = Instant::now();
        let listen = |server, address| move |source| BindError::Listen { server, address, source };
        let address = settings.grpc.listen;
        let grpc = grpc::bind(address).await.map_err(listen("gRPC", address))?;
        let address = settings.http.listen;
        let http = http::bind(address).await.map_err(listen("HTTP", address))?;
        let telemetry =
            Telemetry::new("metrics_svc").map_err(|error| BindError::Telemetry(error.to_string()))?;
        let metrics = &settings.metrics;
        let registry = Registry::with_max_series(&metrics.namespace, metrics.max_series);
        let registry = Arc::new(registry.with_extra_buckets(metrics.buckets.clone()));
        let ingest = Arc::new(Ingest::new(registry, &telemetry.meter()));
        Ok(Self { settings, grpc, http, ingest, telemetry, started })
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
        let readiness = Readiness::awaiting(&[GRPC]);
        let pages = Exposition {
            snapshot: snapshots(&self.ingest),
            telemetry: self.telemetry.clone(),
            readiness: readiness.clone(),
            health: Health::new(APP, self.started),
        };
        drain.spawn(self.http.serve(pages.router(), token.clone()));
        drain.spawn(expire(Arc::clone(&self.ingest), self.settings.metrics.expire_after, token.clone()));
        let service = MetricsGrpc::new(self.ingest, token.clone()).into_server();
        let api = grpc::Api::new(&readiness, &self.telemetry).with(service);
        let serving = drain.spawn(self.grpc.serve(api, token.clone()));
        readiness.set(GRPC, true);
        let failed = token.run_until_cancelled(serving).await;
        readiness.set(GRPC, false);
        token.cancel();
        if let Err(overdue) = drain.finish().await {
            tracing::warn!(%overdue, "ending without waiting any longer");
        }
        match failed {
            Some(ended) => Ok(ended??),
            None => Ok(()),
        }
    }
}

fn snapshots(ingest: &Ingest) -> SnapshotSource {
    let registry = Arc::clone(ingest.registry());
    Arc::new(move || registry.snapshot(unix_now()))
}

/// Drops what is too old until `token` is cancelled.
async fn expire(ingest: Arc<Ingest>, after: Duration, token: CancellationToken) {
    let mut ticks = interval(after / EXPIRY_STEPS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while token.run_until_cancelled(ticks.tick()).await.is_some() {
        ingest.expire(after, unix_now());
    }
}
