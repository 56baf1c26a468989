//! Clients that send more than is good: memory stays bounded, and others are served.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::Code;
use vision_proto::metrics::v1::{MetricKind, RecordRequest};

use crate::{
    http::get,
    messages::{event, metric, request},
    process::Process,
    raw::RawStream,
    support::{Stream, in_time},
};

const MEBIBYTE: usize = 1 << 20;

fn counting(label: &str) -> RecordRequest {
    let counter = metric("c_total", MetricKind::Counter, &["a"]);
    request(vec![counter], vec![event("c_total", &[("a", label)], 1.0)])
}

#[tokio::test]
async fn a_message_of_a_hundred_mebibytes_is_refused_before_it_is_read() {
    let process = Process::start(&[]).await;
    let mut bystander = Stream::connect(process.grpc).await.unwrap();
    in_time(bystander.exchange(counting("x"))).await;
    let before = process.peak_memory();
    for _ in 0..3 {
        let mut stream = RawStream::connect(process.grpc).await;
        let status = stream.exchange(vec![0; 100 * MEBIBYTE]).await.unwrap_err();
        assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status:?}");
        assert!(status.message().contains("104857600"), "{status:?}");
    }
    let grown = process.peak_memory() - before;
    assert!(grown < 8 * MEBIBYTE, "{grown} bytes more");
    in_time(bystander.exchange(counting("x"))).await;
    assert_eq!(get(process.http, "/metrics").await.value("ns_c_total{a=\"x\"}"), Some(2.0));
    process.terminate().await;
}

/// Sends what is answered with a hundred long rejections, again and again; counts how often.
async fn flood(requests: mpsc::Sender<Bytes>, sent: Arc<AtomicUsize>) {
    let events = vec![event(&"x".repeat(1000), &[], 1.0); 200];
    let loud = Bytes::from(request(Vec::new(), events).encode_to_vec());
    while requests.send(loud.clone()).await.is_ok() {
        sent.fetch_add(1, Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_what_is_acknowledged_are_waited_for_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    for dir in ["", folder.path().to_str().unwrap()] {
        // What is not read cannot be ended before the grace is over.
        let process = Process::start(&[("storage.dir", dir), ("shutdown.grace", "100ms")]).await;
        let mut bystander = Stream::connect(process.grpc).await.unwrap();
        let (before, sent) = (process.peak_memory(), Arc::new(AtomicUsize::new(0)));
        let mut deaf = Vec::new();
        for _ in 0..4 {
            let stream = RawStream::connect(process.grpc).await;
            tokio::spawn(flood(stream.requests.clone(), Arc::clone(&sent)));
            deaf.push(stream);
        }
        let mut taken = (0, 0);
        // Until nothing more is taken from them while others are served.
        for count in 1.. {
            in_time(bystander.exchange(counting("x"))).await;
            let counted = get(process.http, "/metrics").await.value("ns_c_total{a=\"x\"}");
            assert_eq!(counted, Some(f64::from(count)));
            let now = sent.load(Relaxed);
            taken = if now == taken.0 { (now, taken.1 + 1) } else { (now, 0) };
            assert!(now < 20_000, "{now} messages are taken");
            if taken.1 > 50 {
                break;
            }
        }
        assert!(taken.0 > 100);
        let grown = process.peak_memory() - before;
        assert!(grown < 192 * MEBIBYTE, "{grown} bytes more");
        process.terminate().await;
    }
}
