//! The binary: exit codes, log lines, signals.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};
use tokio_stream::wrappers::ReceiverStream;
use vision_proto::metrics::v1::{RecordRequest, metrics_service_client::MetricsServiceClient};

const PATIENCE: Duration = Duration::from_secs(20);

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metrics-svc"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Exit code and what was said, on stdout and stderr.
async fn run(mut command: Command) -> (Option<i32>, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_bad_setting_exits_64_and_is_named() {
    for (variable, value, expected) in [
        ("METRICS_SVC__METRICS__MAX_SERIES", "many", "`metrics.max_series`"),
        ("METRICS_SVC__METRICS__MAX_SERIE", "1", "`metrics.max_serie`"),
        ("METRICS_SVC__STORAGE__CHECKPOINT_BYTES", "1", "`storage.checkpoint_bytes`"),
        ("METRICS_SVC__GRPC__LISTEN", "nowhere", "`grpc.listen`"),
    ] {
        let mut command = command();
        command.env(variable, value);
        let (code, said) = run(command).await;
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn check_and_dump_exit_at_once() {
    for (flag, expected) in [("--check", "configuration ok"), ("--dump-config", "max_series = 100000")] {
        let mut command = command();
        command.arg(flag);
        let (code, said) = run(command).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_taken_address_exits_1_and_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = command();
    command.env("METRICS_SVC__GRPC__LISTEN", &address);
    let (code, said) = run(command).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[tokio::test]
async fn sigterm_and_sigint_end_it_with_0_though_a_stream_is_open() {
    for signal in ["-TERM", "-INT"] {
        let mut process = Process::start();
        let grpc = process.address("grpc").await;
        let mut client = MetricsServiceClient::connect(format!("http://{grpc}")).await.unwrap();
        let (_requests, receiver) = tokio::sync::mpsc::channel::<RecordRequest>(1);
        let _responses = client.record(ReceiverStream::new(receiver)).await.unwrap();
        process.signal(signal).await;
        let status = tokio::time::timeout(PATIENCE, process.child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Process {
    fn start() -> Self {
        let mut command = command();
        command.args(["--log-format", "json"]);
        command.args(["--set", "grpc.listen=127.0.0.1:0", "--set", "http.listen=127.0.0.1:0"]);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Reads the log up to the line that tells where a server listens.
    async fn address(&mut self, server: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.log.next_line()).await.unwrap().unwrap().unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = line["fields"][server].as_str() {
                return address.to_owned();
            }
        }
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }
}
