//! A TCP proxy that cuts connections after a number of bytes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// After how many bytes of either direction a connection is cut.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) requests: usize,
    pub(crate) responses: usize,
}

impl Cut {
    pub(crate) const NEVER: Self = Self { requests: usize::MAX, responses: usize::MAX };
}

/// Forwards to a service that may be absent.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    upstream: Mutex<Option<SocketAddr>>,
    accepted: AtomicUsize,
}

impl Proxy {
    /// A proxy whose n-th connection is cut as `cuts[n]` says; further ones are left alone.
    pub(crate) async fn start(cuts: Vec<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let task = tokio::spawn(accept(listener, cuts, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// Where to forward new connections to; they are closed at once while there is nowhere.
    pub(crate) fn forward_to(&self, upstream: SocketAddr) {
        *self.state.upstream.lock() = Some(upstream);
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, cuts: Vec<Cut>, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let index = state.accepted.fetch_add(1, Relaxed);
        let Some(upstream) = *state.upstream.lock() else {
            continue;
        };
        let cut = cuts.get(index).copied().unwrap_or(Cut::NEVER);
        connections.spawn(async move {
            // A service that goes away ends the connection as a cut does.
            let _ = forward(client, upstream, cut).await;
        });
    }
}

async fn forward(mut client: TcpStream, upstream: SocketAddr, cut: Cut) -> std::io::Result<()> {
    let mut service = TcpStream::connect(upstream).await?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    let Cut { mut requests, mut responses } = cut;
    while requests > 0 && responses > 0 {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = read?.min(requests);
                service.write_all(&up[..bytes]).await?;
                requests = if bytes == 0 { 0 } else { requests - bytes };
            }
            read = service.read(&mut down) => {
                let bytes = read?.min(responses);
                client.write_all(&down[..bytes]).await?;
                responses = if bytes == 0 { 0 } else { responses - bytes };
            }
        }
    }
    Ok(())
}
