//! The pages: metrics as text and JSON, health and readiness.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};
use tower_http::{
    CompressionLevel, compression::CompressionLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
    trace::TraceLayer,
};
use tracing::{Span, field};
use vision_metrics::{Registry, Snapshot};

use super::metrics;
use crate::{AppInfo, clock::unix_now, readiness::Readiness, telemetry::Telemetry, trace_context};

/// How long a request may take until its answer begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's body: no page reads any.
const MAX_REQUEST_BODY: usize = 0;

/// What a snapshot is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A page of text, which shows no quantiles of histograms.
    Text,
    /// A page of JSON, which shows everything.
    Json,
}

/// Takes a snapshot of the metrics to show.
pub type SnapshotSource = Arc<dyn Fn(Purpose) -> Snapshot + Send + Sync>;

/// Takes snapshots of `registry` as of now.
#[must_use]
pub fn snapshots(registry: Arc<Registry>) -> SnapshotSource {
    Arc::new(move |purpose| {
        let now = unix_now();
        match purpose {
            Purpose::Text => registry.snapshot_for_text(now),
            Purpose::Json => registry.snapshot(now),
        }
    })
}

/// What the pages show.
#[derive(Clone)]
pub struct Exposition {
    /// The service's metrics.
    pub snapshot: SnapshotSource,
    /// What the process tells about itself, shown after the metrics.
    pub telemetry: Telemetry,
    /// Whether the process takes work.
    pub readiness: Readiness,
    /// What `/health` says.
    pub health: Health,
}

/// A process that works.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    app: AppInfo,
    started: Instant,
}

impl Health {
    /// The process `app`, started at `started`.
    #[must_use]
    pub fn new(app: AppInfo, started: Instant) -> Self {
        Self { app, started }
    }

    fn to_json(self) -> Value {
        json!({
            "status": "healthy",
            "service": self.app.name,
            "version": self.app.version,
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
        })
    }
}

impl Exposition {
    /// `GET /metrics`, `/metrics.json`, `/health` and `/ready`.
    pub fn router(self) -> Router {
        let status = Router::new()
            .route("/health", get(health))
            .route("/ready", get(ready))
            .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
            .with_state((self.health, self.readiness.clone()));
        // The last layer is the outermost.
        status
            .merge(metrics::router(self))
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .layer(RequestBodyLimitLayer::new(MAX_REQUEST_BODY))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
            // What fails says so itself.
            .layer(TraceLayer::new_for_http().make_span_with(span::<axum::body::Body>).on_failure(()))
    }
}

fn span<B>(request: &http::Request<B>) -> Span {
    let path = request.uri().path();
    let method = request.method();
    let span = tracing::debug_span!("request", %method, path, peer = field::Empty, trace_id = field::Empty);
    if !span.is_disabled() {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        span.record("peer", peer.map(|peer| field::display(peer.0)));
        span.record("trace_id", trace_context::trace_id(request.headers()));
    }
    span
}

async fn health(State((health, _)): State<(Health, Readiness)>) -> Json<Value> {
    Json(health.to_json())
}

async fn ready(State((_, readiness)): State<(Health, Readiness)>) -> (StatusCode, Json<Value>) {
    let missing = readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, Json(json!({"status": "ready"})));
    }
    let answer = json!({"status": "not ready", "missing": missing});
    (StatusCode::SERVICE_UNAVAILABLE, Json(answer))
}
