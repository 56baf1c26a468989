//! The pages that show metrics: few at once, each sent while it is made.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vision_metrics::{
    Snapshot,
    exposition::{json_chunks, text_chunks},
};

use super::{Exposition, Purpose, accept::Accepted, page};
use crate::rate_limit::OncePer;

/// Pages made at once: each holds a snapshot of all series.
pub(super) const MAX_PAGES: usize = 8;
/// Seconds after which a reader who was turned away may ask again.
const RETRY_AFTER: &str = "1";
/// How often the log tells of a page that could not be made.
static FAILURES: OncePer = OncePer::new(Duration::from_secs(1));

/// What these pages are made from.
#[derive(Clone)]
struct Pages {
    exposition: Exposition,
    free: Arc<Semaphore>,
}

/// `GET /metrics` and `/metrics.json`.
pub(super) fn router(exposition: Exposition) -> Router {
    let pages = Pages { exposition, free: Arc::new(Semaphore::new(MAX_PAGES)) };
    Router::new().route("/metrics", get(text)).route("/metrics.json", get(json)).with_state(pages)
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error("start another page: {MAX_PAGES} are being made")]
    Busy,
    #[error("take a snapshot: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let answer = format!("failed to {self}\n");
        if let Self::Busy = self {
            let retry = [(header::RETRY_AFTER, RETRY_AFTER)];
            return (StatusCode::SERVICE_UNAVAILABLE, retry, answer).into_response();
        }
        if let Some(suppressed) = FAILURES.pass(Instant::now()) {
            tracing::error!(error = %self, suppressed, "failed to make a page");
        }
        (StatusCode::INTERNAL_SERVER_ERROR, answer).into_response()
    }
}

impl Pages {
    fn begin(&self) -> Result<OwnedSemaphorePermit, PageError> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| PageError::Busy)
    }
}

async fn text(State(pages): State<Pages>, request: HeaderMap) -> Result<Response, PageError> {
    let permit = pages.begin()?;
    let accepted = Accepted::by(&request);
    let chunks = render(move || text_chunks(pages.exposition.everything(), accepted.format)).await?;
    let headers = [(header::CONTENT_TYPE, accepted.content_type()), (header::VARY, header::ACCEPT.into())];
    Ok((headers, page::streamed(chunks, permit)).into_response())
}

async fn json(State(pages): State<Pages>) -> Result<Response, PageError> {
    let permit = pages.begin()?;
    let chunks = render(move || json_chunks((pages.exposition.snapshot)(Purpose::Json))).await?;
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, page::streamed(chunks, permit)).into_response())
}

/// A snapshot takes milliseconds, which other requests should not wait for.
async fn render<T: Send + 'static>(chunks: impl FnOnce() -> T + Send + 'static) -> Result<T, PageError> {
    Ok(tokio::task::spawn_blocking(chunks).await?)
}

impl Exposition {
    /// The service's metrics, then the process's own.
    fn everything(&self) -> Snapshot {
        let mut snapshot = (self.snapshot)(Purpose::Text);
        snapshot.metrics.extend(self.telemetry.metrics());
        snapshot
    }
}
