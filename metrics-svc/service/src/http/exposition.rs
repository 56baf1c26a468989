//! The pages: metrics as text and JSON, health and readiness.

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;
use vision_metrics::{Snapshot, exposition};

use super::accept::TextFormat;
use crate::{AppInfo, readiness::Readiness, telemetry::Telemetry};

/// Takes a snapshot of the metrics to show.
pub type SnapshotSource = Arc<dyn Fn() -> Snapshot + Send + Sync>;

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
        Router::new()
            .route("/metrics", get(metrics_text))
            .route("/metrics.json", get(metrics_json))
            .route("/health", get(health))
            .route("/ready", get(ready))
            .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
            .layer(CompressionLayer::new())
            .with_state(self)
    }

    fn text(&self, format: TextFormat) -> Result<String, PageError> {
        let mut snapshot = (self.snapshot)();
        snapshot.metrics.extend(self.telemetry.metrics());
        let mut page = String::new();
        match format {
            TextFormat::Prometheus => exposition::text(&snapshot, &mut page)?,
            TextFormat::OpenMetrics => exposition::open_metrics(&snapshot, &mut page)?,
        }
        Ok(page)
    }

    fn json(&self) -> Result<Vec<u8>, PageError> {
        let snapshot = (self.snapshot)();
        Ok(serde_json::to_vec(&exposition::json(&snapshot))?)
    }
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("format metrics: {0}")]
    Text(#[from] std::fmt::Error),
    #[error("serialise metrics: {0}")]
    Json(#[from] serde_json::Error),
    #[error("rendering panicked: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "failed to make a page");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        (status, format!("failed to {self}\n")).into_response()
    }
}

async fn metrics_text(State(pages): State<Exposition>, request: HeaderMap) -> Result<Response, PageError> {
    let format = TextFormat::accepted(&request);
    let page = render(move || pages.text(format)).await?;
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")];
    Ok((headers, page).into_response())
}

async fn metrics_json(State(pages): State<Exposition>) -> Result<Response, PageError> {
    let page = render(move || pages.json()).await?;
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, page).into_response())
}

/// A large page takes milliseconds, which other requests should not wait for.
async fn render<T: Send + 'static>(
    page: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    tokio::task::spawn_blocking(page).await?
}

async fn health(State(pages): State<Exposition>) -> Json<Value> {
    Json(pages.health.to_json())
}

async fn ready(State(pages): State<Exposition>) -> (StatusCode, Json<Value>) {
    let missing = pages.readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, Json(json!({"status": "ready"})));
    }
    let answer = json!({"status": "not ready", "missing": missing});
    (StatusCode::SERVICE_UNAVAILABLE, Json(answer))
}
