//! A small HTTP/1 server: bound before it serves, its connections limited in number and patience.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    response::Response,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use opentelemetry::metrics::{MeterProvider as _, NoopMeterProvider};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::connections::{Acceptor, Connection, ConnectionLimits, Instruments};

/// Past these connections, one that has been idle for a while makes room. Its greeting is a request's head, which
/// has a time limit of its own.
const CONNECTIONS: ConnectionLimits =
    ConnectionLimits { max: 1024, min_idle: Duration::from_secs(10), greeting: None };
/// How long a request's head may take, from the connection or the previous request on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes that a connection buffers each way; a request's head must fit.
const MAX_BUFFER: usize = 64 * 1024;
/// Longest life of a connection, so that readers who stall cannot keep others out.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(600);

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

    /// Serves until `token` is cancelled, then lets requests in progress end. Dropped, it breaks them off.
    pub async fn serve(self, router: Router, token: CancellationToken) {
        let instruments = Instruments::new(&NoopMeterProvider::new().meter(""));
        let acceptor = Acceptor::new(self.listener, "HTTP", &CONNECTIONS, instruments);
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        while let Some(connection) = token.run_until_cancelled(acceptor.accept()).await {
            let service = TowerToHyperService::new(service(&router, &connection));
            let connection = server().serve_connection(TokioIo::new(connection), service).into_owned();
            let connection = graceful.watch(connection);
            tasks.spawn(async move {
                if let Ok(Err(error)) = timeout(CONNECTION_LIFETIME, connection).await {
                    tracing::debug!(%error, "HTTP connection broke");
                }
            });
            while tasks.try_join_next().is_some() {}
        }
        drop(acceptor);
        graceful.shutdown().await;
    }
}

fn server() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER);
    builder
}

/// The router for one connection, which is not idle before a request has its answer. While that is being read it
/// may be: a reader who stalls is the first to go.
fn service<B>(
    router: &Router,
    connection: &Connection,
) -> impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + use<B>
where
    B: http_body::Body<Data = axum::body::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let (mut router, slot, peer) = (router.clone(), Arc::clone(connection.slot()), connection.peer());
    tower::service_fn(move |mut request: Request<B>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let in_use = slot.begin();
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            drop(in_use);
            answer
        }
    })
}
