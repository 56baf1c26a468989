//! Accepts connections and finds each a slot.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{Connection, ConnectionLimits, Greeting, Instruments, slot::Slot, table::Table};
use crate::rate_limit::OncePer;

/// Pause after a failed accept: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that was told to close may take to do so before the next one is.
const CLOSING: Duration = Duration::from_secs(1);
/// How often the log says that a server is full, or cannot accept.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// A listener whose connections are limited.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    table: Arc<Table>,
    greeting: Option<Greeting>,
    /// Which server, in log lines.
    server: &'static str,
    full: OncePer,
    failed: OncePer,
}

impl Acceptor {
    /// Accepts on `listener` for a server called `server`.
    pub(crate) fn new(
        listener: TcpListener,
        server: &'static str,
        limits: &ConnectionLimits,
        instruments: Instruments,
    ) -> Self {
        let table = Arc::new(Table::new(limits.max, limits.min_idle, instruments));
        let (full, failed) = (OncePer::new(LOG_PERIOD), OncePer::new(LOG_PERIOD));
        Self { listener, table, greeting: limits.greeting, server, full, failed }
    }

    /// The next connection, once there is room for it.
    pub(crate) async fn accept(&self) -> Connection {
        loop {
            match self.listener.accept().await.and_then(without_delay) {
                Ok((stream, peer)) => {
                    return Connection::new(stream, peer, self.slot().await, self.greeting);
                }
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn slot(&self) -> Arc<Slot> {
        loop {
            // From before the look at the table, lest a slot that becomes free in between is missed.
            let freed = self.table.freed();
            let now = Instant::now();
            if let Some(slot) = self.table.enter(now) {
                return slot;
            }
            // Whether a slot becomes free or somebody becomes idle for long enough, there may be room then.
            let _ = timeout(self.make_room(now), freed).await;
        }
    }

    /// Closes an idle connection, if there is one, and says how long to wait at most before trying again.
    fn make_room(&self, now: Instant) -> Duration {
        let evicted = self.table.evict(now);
        if let Some(suppressed) = self.full.pass(now) {
            let (server, connections) = (self.server, self.table.max());
            match evicted {
                Ok(idle) => tracing::warn!(
                    server,
                    connections,
                    ?idle,
                    suppressed,
                    "full: closed the connection idle for longest"
                ),
                Err(_) => tracing::warn!(server, connections, suppressed, "full: a new connection waits"),
            }
        }
        evicted.map_or_else(|wait| wait.unwrap_or(CLOSING), |_| CLOSING)
    }

    async fn pause(&self, error: &io::Error) {
        if let Some(suppressed) = self.failed.pass(Instant::now()) {
            tracing::warn!(server = self.server, %error, suppressed, "failed to accept a connection");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

impl Drop for Acceptor {
    /// A server ends, and lets calls in progress end; who has not even greeted would hold that up.
    fn drop(&mut self) {
        self.table.close_silent();
    }
}

/// Small answers go out at once.
fn without_delay(accepted: (TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    accepted.0.set_nodelay(true)?;
    Ok(accepted)
}
