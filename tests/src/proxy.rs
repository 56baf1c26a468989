//! A TCP proxy, to be a host whose name leads elsewhere from one moment to the next.

use std::{io, net::SocketAddr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::service::ANY_PORT;

/// A running proxy; ended, with its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    upstream: watch::Sender<SocketAddr>,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to `upstream`.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(ANY_PORT).await?;
        let (upstream, cuts) = (watch::Sender::new(upstream), watch::Sender::new(0));
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, upstream.subscribe(), cuts.clone()));
        Ok(Self { address, upstream, cuts, task })
    }

    /// URL of the Redis server behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Has new connections go elsewhere; those that are open stay where they are.
    pub fn switch_to(&self, upstream: SocketAddr) {
        self.upstream.send_replace(upstream);
    }

    /// Closes every connection.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, upstream: watch::Receiver<SocketAddr>, cuts: watch::Sender<u64>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (upstream, cuts) = (*upstream.borrow(), cuts.subscribe());
        connections.spawn(pass_on(client, upstream, cuts));
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
    }
}

/// Passes bytes on until either side closes or the connection is cut.
async fn pass_on(mut client: TcpStream, upstream: SocketAddr, mut cuts: watch::Receiver<u64>) {
    let passing = async {
        let mut server = TcpStream::connect(upstream).await?;
        copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        // How it ended is seen at either side.
        _ = passing => {}
        _ = cuts.changed() => {}
    }
}
