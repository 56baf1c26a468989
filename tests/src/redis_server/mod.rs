//! Redis servers of one's own, on free ports of this machine.

mod builder;
mod certificates;
mod cluster;

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use anyhow::{Context as _, ensure};
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use self::builder::Transport;
pub use self::{builder::RedisServerBuilder, certificates::Certificates, cluster::RedisCluster};
use crate::eventually::eventually;

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    builder: RedisServerBuilder,
    /// Where clients come in, and where other nodes of a cluster do.
    addresses: [SocketAddr; 2],
    certificates: Option<Certificates>,
    dir: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk and lets everybody in.
    ///
    /// # Errors
    /// `redis-server` is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::builder().start().await
    }

    /// A server that is to be in some way.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    async fn launch(
        builder: RedisServerBuilder,
        addresses: [SocketAddr; 2],
        dir: TempDir,
    ) -> anyhow::Result<Self> {
        let is_tls = matches!(builder.transport, Transport::Tls { .. });
        let certificates = if is_tls { Some(Certificates::make(dir.path())?) } else { None };
        let configuration = builder.configuration(addresses, &dir, certificates.as_ref());
        std::fs::write(dir.path().join("redis.conf"), configuration)?;
        let process = spawn(&dir)?;
        let mut server = Self { process, builder, addresses, certificates, dir };
        server.answers().await?;
        Ok(server)
    }

    /// URL to connect to as the default user.
    #[must_use]
    pub fn url(&self) -> String {
        let login =
            self.builder.password.as_ref().map_or_else(String::new, |password| format!(":{password}@"));
        match self.builder.transport {
            Transport::Tcp => format!("redis://{login}{}", self.addresses[0]),
            Transport::Tls { .. } => format!("rediss://{login}{}", self.addresses[0]),
            Transport::Unix => self.socket_url(),
        }
    }

    /// Where clients come in, unless it is over a Unix socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The files of a server with TLS.
    #[must_use]
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// A connection as the default user. Where clients need TLS it goes over a Unix socket.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        let url = if self.builder.transport == Transport::Tcp { self.url() } else { self.socket_url() };
        Ok(redis::Client::open(url)?.get_multiplexed_async_connection().await?)
    }

    /// Ends the server at once (SIGKILL), with all that it holds unless it is persistent.
    ///
    /// # Errors
    /// The process cannot be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Starts the server on the same port, after [`RedisServer::kill`]. It is empty unless it is persistent.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&self.dir)?;
        self.answers().await
    }

    /// Has the server do nothing (SIGSTOP): connections stay, and nobody answers.
    ///
    /// # Errors
    /// It has ended.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    /// Lets the server go on (SIGCONT).
    ///
    /// # Errors
    /// It has ended.
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    /// Makes the server the replica of one that is not there: it answers writes with `READONLY` and goes on reading.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn make_read_only(&self) -> anyhow::Result<()> {
        // Nobody listens on the port of TCP's port service multiplexer.
        self.follow("127.0.0.1", "1").await
    }

    /// Makes the server take writes again.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn make_writable(&self) -> anyhow::Result<()> {
        self.follow("NO", "ONE").await
    }

    /// Makes the server a replica of another, which takes plain TCP without a password, and waits until it has all.
    ///
    /// # Errors
    /// It does not follow.
    pub async fn replica_of(&self, other: &Self) -> anyhow::Result<()> {
        let address = other.address();
        self.follow(&address.ip().to_string(), &address.port().to_string()).await?;
        let mut connection = self.connect().await?;
        eventually("a replica that is in step", async || {
            let info: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await?;
            ensure!(info.contains("master_link_status:up"), "{info}");
            Ok(())
        })
        .await
    }

    async fn follow(&self, host: &str, port: &str) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        Ok(redis::cmd("REPLICAOF").arg(host).arg(port).query_async(&mut connection).await?)
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = self.process.id().context("the server has ended already")?;
        let signalled = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        ensure!(signalled.success(), "the server cannot be signalled");
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    fn socket_url(&self) -> String {
        let login =
            self.builder.password.as_ref().map_or_else(String::new, |password| format!("?pass={password}"));
        format!("redis+unix://{}{login}", self.socket().display())
    }

    /// Waits until the server answers, over its Unix socket.
    async fn answers(&mut self) -> anyhow::Result<()> {
        let client = redis::Client::open(self.socket_url())?;
        eventually("an answer of redis-server", async || {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Ok(Err(anyhow::anyhow!("redis-server ended with {status}")));
            }
            let mut connection =
                client.get_multiplexed_async_connection().await.map_err(|e| e.to_string())?;
            let pong: redis::RedisResult<String> = redis::cmd("PING").query_async(&mut connection).await;
            pong.map(|_| Ok(())).map_err(|error| error.to_string())
        })
        .await?
    }
}

fn spawn(dir: &TempDir) -> anyhow::Result<Child> {
    let mut command = Command::new("redis-server");
    command.arg(dir.path().join("redis.conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    // Ctrl-C is this program's to handle: Redis is needed until the last.
    command.process_group(0);
    command.spawn().context("redis-server cannot be started: `make redis` installs it")
}
