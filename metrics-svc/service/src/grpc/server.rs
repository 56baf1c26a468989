//! The server: bound before it serves, its connections limited in number and kept alive.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{
    Api, Limits,
    admission::Admission,
    incoming::{self, Occupying},
    intercept::InterceptLayer,
    metered::Metering,
    method::Methods,
    traced::Tracing,
    unary_timeout::UnaryTimeoutLayer,
};
use crate::connections::{Acceptor, Instruments};

/// Calls in progress on one connection; a client waits with further ones. Open streams count too.
const MAX_CALLS_PER_CONNECTION: u32 = 256;
/// Bytes that may be under way to one call before its handler has read some: an image passes without waiting for
/// the server's leave, and a call that nobody reads leaves the connection half of its window.
const STREAM_WINDOW: u32 = 512 * 1024;
/// Bytes that may be under way on one connection, which is what its unread requests take in memory at most. A
/// window for each round trip: 1 GB/s at a millisecond.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of one frame, and of the buffer it is read into.
const MAX_FRAME_SIZE: u32 = 64 * 1024;
/// Bytes of a call's headers, metadata included: HTTP/2's own count of them, 32 more a header than their text.
const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;
/// Streams given up before they were served, or ended for a mistake, that a connection survives: as many as it
/// has calls, for a client may give up all of them at once. More is what floods of resets do.
const MAX_RESET_STREAMS: usize = MAX_CALLS_PER_CONNECTION as usize;
/// Pause of a connection after which its peer is asked for a sign of life.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long that sign may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A listener whose address is known and that serves nothing yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
    limits: Limits,
}

/// Why a server ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The built-in descriptors are unusable.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("transport: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Listens on `addr`; port 0 picks a free one.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(addr: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(addr).await?;
    let local_addr = listener.local_addr()?;
    Ok(Bound { listener, local_addr, limits: Limits::default() })
}

impl Bound {
    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// With limits other than the default ones.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until `token` is cancelled, then lets calls in progress end.
    ///
    /// # Errors
    /// The server cannot start or go on.
    pub async fn serve(self, api: Api, token: CancellationToken) -> Result<(), ServeError> {
        let Self { listener, limits, .. } = self;
        let methods = Arc::new(Methods::known());
        let instruments = Instruments::new(&api.meter);
        let acceptor = Acceptor::new(listener, "gRPC", &incoming::connection_limits(&limits), instruments);
        // What a call passes through, from the outside in.
        let mut server = http2_server()
            .layer(InterceptLayer(Occupying))
            .layer(InterceptLayer(Tracing::new(Arc::clone(&methods))))
            .layer(InterceptLayer(Metering::new(&api.meter, Arc::clone(&methods))))
            .layer(InterceptLayer(Admission::new(&limits, Arc::clone(&methods))))
            .layer(UnaryTimeoutLayer::new(limits.unary_timeout, methods));
        let routes = api.routes(&token)?;
        let connections = incoming::connections(acceptor);
        server.add_routes(routes).serve_with_incoming_shutdown(connections, token.cancelled_owned()).await?;
        Ok(())
    }
}

/// No timeout for the whole server: it would end healthy streams.
fn http2_server() -> Server {
    Server::builder()
        .max_concurrent_streams(MAX_CALLS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_SIZE)
        .http2_max_header_list_size(MAX_HEADER_LIST_SIZE)
        .http2_max_pending_accept_reset_streams(Some(MAX_RESET_STREAMS))
        .http2_max_local_error_reset_streams(Some(MAX_RESET_STREAMS))
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}
