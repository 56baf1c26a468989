//! The pages alone, for a program that is no service: start it, scrape it, stop it.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use vision_metrics::Registry;

use super::{Exposition, Health, server, snapshots};
use crate::{AppInfo, readiness::Readiness, telemetry::Telemetry};

/// What `/health` calls the process.
const APP: AppInfo =
    AppInfo { name: "metrics-exporter", version: env!("CARGO_PKG_VERSION"), env_prefix: "METRICS_EXPORTER" };
/// How long requests in progress may take once the exporter is told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Serves a registry's metrics over HTTP until it is stopped or dropped: `GET /metrics`, `/metrics.json` and
/// `/health`.
///
/// ```
/// use std::sync::Arc;
///
/// use tokio::{
///     io::{AsyncReadExt as _, AsyncWriteExt as _},
///     net::TcpStream,
/// };
/// use vision_metrics::{MetricDescriptor, MetricKind, Registry};
/// use vision_service::http::MetricsExporter;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Arc::new(Registry::new("demo"));
/// let jobs = registry.register(MetricDescriptor::new("jobs_total", MetricKind::Counter))?;
/// jobs.series(&[], None)?.counter().ok_or("not a counter")?.add(3.0);
///
/// let exporter = MetricsExporter::start(registry, ([127, 0, 0, 1], 0).into()).await?;
/// let mut reader = TcpStream::connect(exporter.address()).await?;
/// reader.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
/// let mut page = String::new();
/// reader.read_to_string(&mut page).await?;
/// assert!(page.contains("demo_jobs_total 3\n"));
/// exporter.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MetricsExporter {
    address: SocketAddr,
    serving: JoinHandle<()>,
    stop: DropGuard,
}

impl MetricsExporter {
    /// Listens on `address` and serves on the caller's runtime; port 0 picks a free one.
    ///
    /// # Errors
    /// The address cannot be listened on: [`AddrInUse`](io::ErrorKind::AddrInUse) when somebody else does.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(registry: Arc<Registry>, address: SocketAddr) -> io::Result<Self> {
        let bound = server::bind(address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("listen on {address} for metrics: {error}"))
        })?;
        let address = bound.local_addr();
        let pages = Exposition {
            snapshot: snapshots(registry),
            telemetry: Telemetry::new("exporter").map_err(io::Error::other)?,
            readiness: Readiness::default(),
            health: Health::new(APP, Instant::now()),
        };
        let token = CancellationToken::new();
        let serving = tokio::spawn(serve(bound, pages, token.clone()));
        Ok(Self { address, serving, stop: token.drop_guard() })
    }

    /// Where the pages are.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`Self::address`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Stops serving: no further connections at once, and at most 3 seconds for requests in progress. The address
    /// is free afterwards.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.serving.await {
            tracing::warn!(%error, "the metrics exporter broke");
        }
    }
}

async fn serve(bound: server::Bound, pages: Exposition, token: CancellationToken) {
    let serving = bound.serve(pages.router(), token.clone());
    let overdue = async {
        token.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serving => {}
        () = overdue => tracing::debug!("the metrics exporter ends with requests in progress"),
    }
}
