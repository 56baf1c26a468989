//! The pages over a real connection.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use vision_metrics::{MetricDescriptor, MetricKind, Registry};
use vision_service::{
    AppInfo,
    http::{self, Exposition, Health},
    readiness::Readiness,
    telemetry::Telemetry,
};

struct Server {
    address: std::net::SocketAddr,
    readiness: Readiness,
    token: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let registry = Registry::new("ns");
        let frames = registry.register(MetricDescriptor::new("frames_total", MetricKind::Counter));
        frames.unwrap().series(&[], None).unwrap().counter().unwrap().add(3.0);
        let telemetry = Telemetry::new("test_svc").unwrap();
        telemetry.meter().u64_counter("batches").build().add(1, &[]);
        let app = AppInfo { name: "test-svc", version: "1.2.3", env_prefix: "TEST_SVC" };
        let readiness = Readiness::awaiting(&["model"]);
        let pages = Exposition {
            snapshot: Arc::new(move || registry.snapshot(Duration::from_secs(1_700_000_000))),
            telemetry,
            readiness: readiness.clone(),
            health: Health::new(app, Instant::now()),
        };
        let bound = http::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (address, token) = (bound.local_addr(), CancellationToken::new());
        let task = tokio::spawn(bound.serve(pages.router(), token.clone()));
        Self { address, readiness, token, task }
    }

    /// Head and body of the answer.
    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        (String::from_utf8(answer).unwrap().to_lowercase(), body)
    }

    async fn text(&self, path: &str) -> (String, String) {
        let (head, body) = self.get(path, "").await;
        (head, String::from_utf8(body).unwrap())
    }
}

#[tokio::test]
async fn metrics_are_shown_with_the_process_own() {
    let server = Server::start().await;
    let (head, page) = server.text("/metrics").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(page.contains("ns_frames_total 3\n"), "{page}");
    assert!(page.contains("test_svc_batches_total 1\n"), "{page}");
    let (head, page) = server.text("/metrics.json").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    let json: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(json["ns_frames_total"]["samples"][0]["value"], 3.0);
}

#[tokio::test]
async fn open_metrics_is_served_to_who_prefers_it() {
    let server = Server::start().await;
    let (head, page) = server.get("/metrics", "Accept: application/openmetrics-text\r\n").await;
    let page = String::from_utf8(page).unwrap();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(page.contains("# TYPE ns_frames counter\nns_frames_total 3\n"), "{page}");
    assert!(page.contains("test_svc_batches_total 1\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[tokio::test]
async fn pages_are_compressed_when_asked() {
    let server = Server::start().await;
    let (head, body) = server.get("/metrics", "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(body.windows(2).any(|w| w == [0x1f, 0x8b]));
}

#[tokio::test]
async fn health_and_readiness_differ() {
    let server = Server::start().await;
    let (head, page) = server.text("/health").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(page.contains("\"status\":\"healthy\""), "{page}");
    let (head, page) = server.text("/ready").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(page.contains("\"missing\":[\"model\"]"), "{page}");
    server.readiness.set("model", true);
    let (head, _) = server.text("/ready").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (head, _) = server.text("/nothing").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Server::start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 16];
    idle.read_exact(&mut first).await.unwrap();
    server.token.cancel();
    tokio::time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap();
}
