//! A service as a process of its own, to be killed like one.

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};
use vision_service::settings::{Settings, to_toml};

use crate::{eventually::eventually, page};

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where HTTP is served.
    pub http: SocketAddr,
    child: Child,
    _settings: TempDir,
}

impl Process {
    /// Starts the program of this name, which is beside this one or in the folder above, and waits until it is
    /// ready. Its log lines go where this program's go.
    ///
    /// # Errors
    /// It is not built, or does not become ready.
    pub async fn start(name: &str, settings: &impl Settings) -> anyhow::Result<Self> {
        Self::start_logging_to(name, settings, tokio::io::stderr()).await
    }

    /// Like [`Process::start`], without waiting until the process is ready: it may have to wait for something itself.
    ///
    /// # Errors
    /// It is not built, or does not come up.
    pub async fn start_without_waiting(name: &str, settings: &impl Settings) -> anyhow::Result<Self> {
        Self::launch(name, settings, tokio::io::stderr()).await
    }

    /// Like [`Process::start`], with its log lines going to `log`.
    ///
    /// # Errors
    /// It is not built, or does not become ready.
    pub async fn start_logging_to(
        name: &str,
        settings: &impl Settings,
        log: impl AsyncWrite + Send + Unpin + 'static,
    ) -> anyhow::Result<Self> {
        let process = Self::launch(name, settings, log).await?;
        eventually("readiness", async || page::ready(process.http).await).await?;
        Ok(process)
    }

    async fn launch(
        name: &str,
        settings: &impl Settings,
        log: impl AsyncWrite + Send + Unpin + 'static,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, to_toml(settings)?)?;
        let mut command = Command::new(program(name)?);
        command.arg("--config").arg(&file).args(["--log-format", "json"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is this program's to handle: it ends the others in their order.
        command.process_group(0);
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().context("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let (grpc, http) = listening(&mut lines).await.with_context(|| format!("{name} did not start"))?;
        tokio::spawn(pass_on(lines, log));
        Ok(Self { grpc, http, child, _settings: folder })
    }

    /// Its number, unless it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends the process at once (SIGKILL).
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal, named as `kill` names it (`HUP`).
    ///
    /// # Errors
    /// The process has ended.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        signal(&self.child, name).await
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// It ends with an error.
    pub async fn terminate(mut self) -> anyhow::Result<()> {
        terminate(&mut self.child).await
    }
}

/// Asks a process to end (SIGTERM) and waits until it has.
///
/// # Errors
/// It ends with an error, or had ended before.
pub async fn terminate(child: &mut Child) -> anyhow::Result<()> {
    signal(child, "TERM").await?;
    let status = child.wait().await?;
    ensure!(status.success(), "the process ended with {status}");
    Ok(())
}

async fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let pid = child.id().context("the process has ended already")?;
    let signalled = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await?;
    ensure!(signalled.success(), "the process cannot be signalled");
    Ok(())
}

/// Path of a program of this workspace.
///
/// # Errors
/// It is not built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let found = here.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `cargo build -p {name}` in the same profile"))
}

/// Reads log lines until the one that tells the addresses.
async fn listening(lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let mut seen = String::new();
    while let Some(line) = lines.next_line().await? {
        let fields = serde_json::from_str::<Value>(&line).unwrap_or_default()["fields"].take();
        if fields["message"] == "listening" {
            let address = |key: &str| fields[key].as_str().with_context(|| format!("no {key} in {line}"));
            return Ok((address("grpc")?.parse()?, address("http")?.parse()?));
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    anyhow::bail!("it said: {seen}")
}

async fn pass_on(mut lines: Lines<BufReader<ChildStderr>>, mut log: impl AsyncWrite + Unpin) {
    while let Ok(Some(line)) = lines.next_line().await {
        // A log that takes no more must not stop the process that writes to it.
        let _ = log.write_all(format!("{line}\n").as_bytes()).await;
    }
    let _ = log.flush().await;
}
