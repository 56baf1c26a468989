//! A small HTTP/1 server: bound before it serves, its connections limited in number and patience.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// Connections served at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// How long a request's head may take, from the connection or the previous request on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest life of a connection, so that readers who stall cannot keep others out.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(600);
/// Pause after a failed accept: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener whose address is known and that serves nothing yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
}

/// Listens on `addr`; port 0 picks a free one.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(addr: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(addr).await?;
    let local_addr = listener.local_addr()?;
    Ok(Bound { listener, local_addr })
}

impl Bound {
    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `token` is cancelled, then lets requests in progress end.
    pub async fn serve(self, router: Router, token: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(stream) = token.run_until_cancelled(self.accept(&slots)).await {
            let Some((stream, slot)) = stream else {
                continue;
            };
            let service = TowerToHyperService::new(router.clone());
            let connection = server().serve_connection(TokioIo::new(stream), service).into_owned();
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                let ended = tokio::time::timeout(CONNECTION_LIFETIME, connection).await;
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "HTTP connection broke");
                }
                drop(slot);
            });
        }
        graceful.shutdown().await;
    }

    /// The next connection with its slot; `None` after a failure that others may not share.
    async fn accept(&self, slots: &Arc<Semaphore>) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, _)) => Some((stream, slot)),
            Err(error) => {
                tracing::warn!(%error, "failed to accept an HTTP connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

fn server() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
}
