//! The service as a process of its own, to be killed like one.

use std::{net::SocketAddr, process::Stdio, sync::Arc};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::oneshot,
};

use crate::support::in_time;

/// Settings by their keys.
pub(crate) type Overrides<'a> = &'a [(&'a str, &'a str)];

/// A running service; killed when dropped.
pub(crate) struct Process {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    child: Child,
    log: Log,
}

/// The fields of each line.
type Log = Arc<Mutex<Vec<Value>>>;

/// The binary, on free ports of this machine.
pub(crate) fn command(settings: Overrides<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metrics-svc"));
    command.args(["--log-format", "json"]);
    let own = [("grpc.listen", "127.0.0.1:0"), ("http.listen", "127.0.0.1:0"), ("metrics.namespace", "ns")];
    for (key, value) in own.iter().chain(settings) {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a service that does not start to its end: its exit code and what it said.
pub(crate) async fn refused(settings: Overrides<'_>) -> (Option<i32>, String) {
    let output = in_time(command(settings).output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

impl Process {
    /// Starts the binary and waits until it tells where it listens.
    pub(crate) async fn start(settings: Overrides<'_>) -> Self {
        let mut child = command(settings).spawn().unwrap();
        let log = Log::default();
        let (tell, told) = oneshot::channel();
        tokio::spawn(read(child.stderr.take().unwrap(), Arc::clone(&log), tell));
        let Ok((grpc, http)) = in_time(told).await else {
            panic!("it does not start and says {:?}", log.lock());
        };
        Self { grpc, http, child, log }
    }

    /// Ends it at once.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, which it must do with success.
    pub(crate) async fn terminate(mut self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let status = in_time(self.child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(0), "{:?}", self.log.lock());
    }

    /// Fields of the line of the log with this message, if there is one.
    pub(crate) fn said(&self, message: &str) -> Option<Value> {
        self.log.lock().iter().find(|fields| fields["message"] == message).cloned()
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

async fn read(stderr: ChildStderr, log: Log, tell: oneshot::Sender<(SocketAddr, SocketAddr)>) {
    let (mut lines, mut tell) = (BufReader::new(stderr).lines(), Some(tell));
    while let Ok(Some(line)) = lines.next_line().await {
        let fields = match serde_json::from_str::<Value>(&line) {
            Ok(mut line) => line["fields"].take(),
            Err(_) => Value::String(line),
        };
        if fields["message"] == "listening"
            && let Some(tell) = tell.take()
        {
            let address = |server: &str| fields[server].as_str().unwrap().parse().unwrap();
            // Whoever waited may be gone.
            let _ = tell.send((address("grpc"), address("http")));
        }
        log.lock().push(fields);
    }
}
