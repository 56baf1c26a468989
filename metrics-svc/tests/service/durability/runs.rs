//! Producers that start anew while their last run still sends, and those that have no business here.

use tonic::Code;
use vision_proto::metrics::v1::{MetricKind, RecordRequest, RejectionReason};

use crate::{
    http::get,
    messages::{definition, event, metric, producer, reasons, request, samples},
    process::Process,
    support::{Stream, in_time},
};

fn hello(id: &str, epoch: u64) -> RecordRequest {
    RecordRequest {
        producer: producer(id, epoch),
        metrics: vec![metric("c_total", MetricKind::Counter, &["epoch"])],
        series: vec![definition(0, "c_total", &[&epoch.to_string()])],
        ..RecordRequest::default()
    }
}

fn batch(sequence: u64) -> RecordRequest {
    RecordRequest { sequence, samples: samples(&[(0, 1.0)]), ..RecordRequest::default() }
}

/// Sends batches that nobody waits for, until the service ends the stream.
fn flood(stream: &Stream, from: u64) -> tokio::task::JoinHandle<()> {
    let requests = stream.requests.clone();
    tokio::spawn(async move {
        for sequence in from.. {
            if requests.send(batch(sequence)).await.is_err() {
                return;
            }
        }
    })
}

/// A batch of the old run that was read before the new one opened, and written to the journal behind it, is of no run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replaced_run_still_sent_is_not_applied_in_the_next_life() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    let process = Process::start(&settings).await;
    let mut current = Stream::connect(process.grpc).await.unwrap();
    current.exchange(hello("robot", 1)).await;
    for epoch in 2..40 {
        let flood = flood(&current, 2);
        let replaced = Stream::connect(process.grpc).await.unwrap();
        let mut replaced = std::mem::replace(&mut current, replaced);
        assert_eq!(in_time(current.exchange(hello("robot", epoch))).await.acked_sequence, 0);
        assert_eq!(in_time(current.exchange(batch(1))).await.acked_sequence, 1);
        let end = async { while replaced.response().await.is_ok() {} };
        in_time(end).await;
        drop(replaced);
        in_time(flood).await.unwrap();
    }
    let before = get(process.http, "/metrics").await;
    process.kill().await;
    let process = Process::start(&settings).await;
    assert_eq!(get(process.http, "/metrics").await.lines(), before.lines());
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    assert_eq!(in_time(stream.exchange(hello("robot", 39))).await.acked_sequence, 1);
    process.terminate().await;
}

#[tokio::test]
async fn a_producer_that_is_refused_leaves_nothing_that_a_start_would_stumble_over() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    let process = Process::start(&settings).await;
    let good = hello("robot", 5);
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    stream.exchange(good).await;
    stream.exchange(batch(1)).await;
    for (id, epoch, code) in [
        (String::new(), 1, Code::InvalidArgument),
        ("x".repeat(257), 1, Code::InvalidArgument),
        ("robot".to_owned(), 4, Code::FailedPrecondition),
    ] {
        let mut stream = Stream::connect(process.grpc).await.unwrap();
        stream.send(hello(&id, epoch)).await.unwrap();
        assert_eq!(in_time(stream.response()).await.unwrap_err().code(), code, "{id}");
    }
    let mut anonymous = Stream::connect(process.grpc).await.unwrap();
    anonymous.send(RecordRequest { sequence: 3, ..batch(3) }).await.unwrap();
    let answer = in_time(anonymous.response()).await.unwrap();
    assert_eq!(reasons(&answer), [RejectionReason::UnknownMetric]);
    process.kill().await;
    let process = Process::start(&settings).await;
    assert_eq!(get(process.http, "/metrics").await.value("ns_c_total{epoch=\"5\"}"), Some(1.0));
    process.terminate().await;
}

#[tokio::test]
async fn a_stream_without_a_name_has_its_own_numbers_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    for life in 1..4 {
        let process = Process::start(&settings).await;
        let mut streams = Vec::new();
        for label in ["a", "b"] {
            let mut stream = Stream::connect(process.grpc).await.unwrap();
            let told = RecordRequest {
                series: vec![definition(3, "c_total", &[label])],
                samples: samples(&[(3, 1.0)]),
                ..request(
                    vec![metric("c_total", MetricKind::Counter, &["epoch"])],
                    vec![event("c_total", &[("epoch", "all")], 1.0)],
                )
            };
            assert_eq!(reasons(&stream.exchange(told).await), []);
            streams.push(stream);
        }
        let page = get(process.http, "/metrics").await;
        for (label, expected) in [("a", 1), ("b", 1), ("all", 2)] {
            let value = page.value(&format!("ns_c_total{{epoch=\"{label}\"}}"));
            assert_eq!(value, Some(f64::from(expected * life)), "{label}");
        }
        process.kill().await;
    }
}
