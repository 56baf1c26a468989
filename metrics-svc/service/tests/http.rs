//! The pages over a real connection.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use vision_metrics::{MetricDescriptor, MetricKind, Registry, Snapshot};
use vision_service::{
    AppInfo,
    http::{self, Exposition, Health, MetricsExporter, Purpose},
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
        Self::showing(move |_| registry.snapshot(Duration::from_secs(1_700_000_000))).await
    }

    async fn showing(snapshot: impl Fn(Purpose) -> Snapshot + Send + Sync + 'static) -> Self {
        let telemetry = Telemetry::new("test_svc").unwrap();
        telemetry.meter().u64_counter("batches").build().add(1, &[]);
        let app = AppInfo { name: "test-svc", version: "1.2.3", env_prefix: "TEST_SVC" };
        let readiness = Readiness::awaiting(&["model"]);
        let pages = Exposition {
            snapshot: Arc::new(snapshot),
            telemetry,
            readiness: readiness.clone(),
            health: Health::new(app, Instant::now()),
        };
        let bound = http::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (address, token) = (bound.local_addr(), CancellationToken::new());
        let task = tokio::spawn(bound.serve(pages.router(), token.clone()));
        Self { address, readiness, token, task }
    }

    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        self.ask("GET", path, headers).await
    }

    /// Head and body of the answer.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        let head = String::from_utf8(answer).unwrap().to_lowercase();
        let chunked = head.contains("transfer-encoding: chunked") && method != "HEAD";
        (head, if chunked { whole(&body) } else { body })
    }

    async fn text(&self, path: &str) -> (String, String) {
        let (head, body) = self.get(path, "").await;
        (head, String::from_utf8(body).unwrap())
    }
}

/// A body of chunks, each with its length in hexadecimal before it, the last one empty.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|w| w == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        let (chunk, rest) = chunks[end + 2..].split_at(length);
        body.extend_from_slice(chunk);
        chunks = rest.strip_prefix(b"\r\n").unwrap();
        if length == 0 {
            return body;
        }
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
    assert!(body.starts_with(&[0x1f, 0x8b]));
    let (_, page) = server.text("/metrics").await;
    // It ends with the length of what was compressed.
    assert!(body.ends_with(&u32::try_from(page.len()).unwrap().to_le_bytes()));
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

#[tokio::test]
async fn a_page_varies_with_what_its_reader_accepts() {
    let server = Server::start().await;
    let accept =
        "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2\r\n";
    let (head, _) = server.get("/metrics", accept).await;
    assert!(head.contains("charset=utf-8; escaping=underscores\r\n"), "{head}");
    assert!(head.contains("vary: accept\r\n"), "{head}");
    assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
    let (head, body) = server.get("/metrics", "Accept-Encoding: gzip;q=0, identity\r\n").await;
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(body.starts_with(b"# "));
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let server = Server::start().await;
    let (head, body) = server.ask("HEAD", "/metrics", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert!(body.is_empty());
    for path in ["/metrics", "/metrics.json", "/health", "/ready"] {
        let (head, _) = server.ask("POST", path, "").await;
        assert!(head.starts_with("http/1.1 405"), "{head}");
        assert!(head.contains("allow: get,head\r\n"), "{head}");
    }
    let (head, _) = server.ask("GET", "/metrics", "Content-Length: 1\r\n").await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
}

#[tokio::test]
async fn few_pages_are_made_at_once_and_health_is_always_told() {
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let server = Server::showing(move |_| {
        begun.send(()).unwrap();
        // An error says so, too.
        let _ = released.lock().unwrap().recv();
        Snapshot { time: Duration::ZERO, metrics: Vec::new() }
    })
    .await;
    let server = Arc::new(server);
    let mut pages = JoinSet::new();
    for path in ["/metrics", "/metrics.json"].repeat(4) {
        let server = Arc::clone(&server);
        pages.spawn(async move { server.text(path).await.0 });
    }
    for _ in 0..8 {
        begins.recv().await.unwrap();
    }
    let (head, page) = server.text("/metrics").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    assert_eq!(page, "failed to start another page: 8 are being made\n");
    let (head, _) = server.text("/health").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    drop(release);
    for head in pages.join_all().await {
        assert!(head.starts_with("http/1.1 200"), "{head}");
    }
    let (head, _) = server.text("/metrics").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

#[tokio::test]
async fn a_snapshot_that_panics_is_a_failure_of_one_page() {
    let server = Server::showing(|_| panic!("a test's panic")).await;
    for _ in 0..10 {
        let (head, page) = server.text("/metrics").await;
        assert!(head.starts_with("http/1.1 500"), "{head}");
        assert!(page.starts_with("failed to take a snapshot: "), "{page}");
    }
}

#[tokio::test]
async fn an_exporter_has_its_address_for_itself_until_it_ends() {
    let registry = Arc::new(Registry::new("ns"));
    let start = |address| MetricsExporter::start(Arc::clone(&registry), address);
    let exporter = start(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = exporter.address();
    assert_eq!(exporter.port(), address.port());
    let error = start(address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("listen on {address} for metrics: ")), "{error}");
    let mut idle = TcpStream::connect(address).await.unwrap();
    exporter.stop().await;
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
    drop(start(address).await.unwrap());
    let again = async {
        while start(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
}
