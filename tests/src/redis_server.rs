//! A Redis server of one's own, on a free port of this machine.

use std::{net::TcpListener, process::Stdio};

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::eventually::eventually;

/// Ports tried before giving up: another program may take one between the choice and the start.
const ATTEMPTS: usize = 5;

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    dir: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk.
    ///
    /// # Errors
    /// `redis-server` is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let mut last_error = None;
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let dir = tempfile::tempdir()?;
            let mut process = launch(port, &dir)?;
            match answers(&mut process, port).await {
                Ok(()) => return Ok(Self { process, port, dir }),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| anyhow::anyhow!("redis-server was not tried")))
    }

    /// URL to connect to.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// A connection.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        Ok(redis::Client::open(self.url())?.get_multiplexed_async_connection().await?)
    }

    /// Ends the server at once, with all that it holds.
    ///
    /// # Errors
    /// The process cannot be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Starts an empty server on the same port, after [`RedisServer::kill`].
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = launch(self.port, &self.dir)?;
        answers(&mut self.process, self.port).await
    }
}

fn launch(port: u16, dir: &TempDir) -> anyhow::Result<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
    command.arg("--dir").arg(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    // Ctrl-C is this program's to handle: Redis is needed until the last.
    command.process_group(0);
    command.spawn().context("redis-server cannot be started: `make redis` installs it")
}

async fn answers(process: &mut Child, port: u16) -> anyhow::Result<()> {
    let client = redis::Client::open(url(port))?;
    eventually("an answer of redis-server", async || {
        if let Ok(Some(status)) = process.try_wait() {
            return Ok(Err(anyhow::anyhow!("redis-server ended with {status}")));
        }
        let mut connection = client.get_multiplexed_async_connection().await.map_err(|e| e.to_string())?;
        let pong: redis::RedisResult<String> = redis::cmd("PING").query_async(&mut connection).await;
        pong.map(|_| Ok(())).map_err(|error| error.to_string())
    })
    .await?
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}
