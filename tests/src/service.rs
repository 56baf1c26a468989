//! Both services in this process, through the same `bind` and `run` that their binaries call.

use std::{fmt::Debug, future::Future, net::SocketAddr};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{eventually::eventually, page};

/// A port of this machine that the system chooses.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where HTTP is served.
    pub http: SocketAddr,
    token: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Service {
    /// Starts metrics-svc and waits until it is ready. Ports 0 in the settings are free ones.
    ///
    /// # Errors
    /// It does not start.
    pub async fn metrics(settings: metrics_svc::Settings) -> anyhow::Result<Self> {
        let app = metrics_svc::App::bind(settings).await?;
        let addresses = (app.grpc_addr(), app.http_addr());
        Self::run(addresses, |token| async move { Ok(app.run(token).await?) }).await
    }

    /// Starts detector-svc and waits until it is ready. Ports 0 in the settings are free ones.
    ///
    /// # Errors
    /// It does not start.
    pub async fn detector(settings: detector_svc::Settings) -> anyhow::Result<Self> {
        let app = detector_svc::App::bind(settings).await?;
        let addresses = (app.grpc_addr(), app.http_addr());
        Self::run(addresses, |token| async move { Ok(app.run(token).await?) }).await
    }

    async fn run<F>(
        (grpc, http): (SocketAddr, SocketAddr),
        run: impl FnOnce(CancellationToken) -> F,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let token = CancellationToken::new();
        let task = tokio::spawn(run(token.clone()));
        let service = Self { grpc, http, token, task };
        service.ready().await?;
        Ok(service)
    }

    /// Waits until `/ready` says so.
    ///
    /// # Errors
    /// It does not within the usual patience, or the service has ended.
    pub async fn ready(&self) -> anyhow::Result<()> {
        eventually("readiness", async || {
            anyhow::ensure!(!self.task.is_finished(), "the service has ended");
            page::ready(self.http).await
        })
        .await
    }

    /// Where gRPC is served, as a client wants it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Ends the service and waits for it.
    ///
    /// # Errors
    /// It ended with an error.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.token.cancel();
        self.task.await.context("the service panicked")?
    }
}

/// Settings of metrics-svc on free ports.
#[must_use]
pub fn metrics_settings() -> metrics_svc::Settings {
    let mut settings = metrics_svc::Settings::default();
    settings.grpc.listen = ANY_PORT;
    settings.http.listen = ANY_PORT;
    settings
}

/// Settings of detector-svc on free ports, reading from `redis_url` (empty: nothing) and telling its metrics to
/// `metrics` (empty: its own page).
#[must_use]
pub fn detector_settings(redis_url: &str, metrics: &str) -> detector_svc::Settings {
    let mut settings = detector_svc::Settings::default();
    settings.redis.url = redis_url.to_owned();
    settings.metrics.endpoint = metrics.to_owned();
    settings.metrics.producer_id = "detector".to_owned();
    settings.grpc.listen = ANY_PORT;
    settings.http.listen = ANY_PORT;
    settings
}
