//! The server: bound before it serves, its connections limited in number and kept alive.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{Api, incoming};

/// Calls in progress on one connection; a client waits with further ones. Open streams count too.
const MAX_CALLS_PER_CONNECTION: u32 = 256;
/// Pause of a connection after which its peer is asked for a sign of life.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long that sign may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A listener whose address is known and that serves nothing yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
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
    Ok(Bound { listener, local_addr })
}

impl Bound {
    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `token` is cancelled, then lets calls in progress end.
    ///
    /// # Errors
    /// The server cannot start or go on.
    pub async fn serve(self, api: Api, token: CancellationToken) -> Result<(), ServeError> {
        // No timeout for the whole server: it would end healthy streams.
        let mut server = Server::builder()
            .max_concurrent_streams(MAX_CALLS_PER_CONNECTION)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .layer(api.metered.clone());
        let routes = api.routes(&token)?;
        let connections = incoming::connections(self.listener);
        server.add_routes(routes).serve_with_incoming_shutdown(connections, token.cancelled_owned()).await?;
        Ok(())
    }
}
