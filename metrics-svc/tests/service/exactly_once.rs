//! Batches by their numbers: each counts once, whatever is sent again, left out, or sent by whom.

use tonic::Code;
use vision_proto::metrics::v1::{MetricKind, RecordRequest, RejectionReason, series::Value};

use crate::{
    durability::load::{Load, assert_counted_once},
    http::get,
    messages::{definition, event, metric, producer, reasons, samples},
    numbers::Numbers,
    proxy::{Cut, Proxy},
    support::{Server, Stream, eventually, in_time},
};

/// A service that keeps its metrics in memory, and one that keeps them in a directory as well.
async fn services() -> [(Server, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap().to_owned();
    let durable = Server::start_with(|settings| settings.storage.dir = dir).await;
    [(Server::start().await, None), (durable, Some(folder))]
}

fn hello(epoch: u64) -> RecordRequest {
    RecordRequest {
        producer: producer("robot", epoch),
        metrics: vec![metric("c_total", MetricKind::Counter, &[])],
        series: vec![definition(0, "c_total", &[])],
        ..RecordRequest::default()
    }
}

/// A batch that adds its number.
fn batch(sequence: u64) -> RecordRequest {
    RecordRequest { sequence, samples: samples(&[(0, sequence as f64)]), ..RecordRequest::default() }
}

async fn open(server: &Server, epoch: u64) -> Stream {
    let mut stream = Stream::connect(server.grpc).await.unwrap();
    in_time(stream.exchange(hello(epoch))).await;
    stream
}

/// Sends batches of these numbers and tells what each acknowledgement says.
async fn send(stream: &mut Stream, sequences: &[u64]) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for &sequence in sequences {
        let response = in_time(stream.exchange(batch(sequence))).await;
        assert_eq!(response.rejections, [], "{sequence}");
        acknowledged.push(response.acked_sequence);
    }
    acknowledged
}

#[tokio::test]
async fn numbers_that_repeat_or_go_back_are_acknowledged_and_not_applied() {
    for (server, _folder) in services().await {
        let mut stream = open(&server, 1).await;
        let acknowledged = send(&mut stream, &[1, 1, 2, 1, 2, 2, 3]).await;
        assert_eq!(acknowledged, [1, 1, 2, 2, 2, 2, 3]);
        assert_eq!(server.values("c_total").await, [Value::Counter(6.0)]);
        // What is left out may follow no more.
        assert_eq!(send(&mut stream, &[10, 7, 9, 10, 11]).await, [10, 10, 10, 10, 11]);
        assert_eq!(server.values("c_total").await, [Value::Counter(27.0)]);
        assert_eq!(send(&mut stream, &[u64::MAX, 12]).await, [u64::MAX, u64::MAX]);
        server.stop().await;
    }
}

#[tokio::test]
async fn batches_sent_without_waiting_are_each_acknowledged_in_order() {
    for (server, _folder) in services().await {
        let mut stream = open(&server, 1).await;
        let requests = stream.requests.clone();
        let numbers = [1, 2, 2, 4, 3, 4, 5];
        let sending = tokio::spawn(async move {
            for sequence in numbers.iter().cycle().take(7 * 40) {
                requests.send(batch(*sequence)).await.unwrap();
            }
        });
        let mut acknowledged = Vec::new();
        for _ in 0..7 * 40 {
            acknowledged.push(in_time(stream.response()).await.unwrap().acked_sequence);
        }
        in_time(sending).await.unwrap();
        assert_eq!(acknowledged[..7], [1, 2, 2, 4, 4, 4, 5]);
        assert!(acknowledged[7..].iter().all(|sequence| *sequence == 5));
        assert_eq!(server.values("c_total").await, [Value::Counter(12.0)]);
        server.stop().await;
    }
}

#[tokio::test]
async fn of_two_streams_of_a_producer_the_newer_goes_on() {
    for (server, _folder) in services().await {
        let mut older = open(&server, 1).await;
        send(&mut older, &[1]).await;
        let mut newer = open(&server, 1).await;
        assert_eq!(in_time(older.response()).await.unwrap_err().code(), Code::Aborted);
        // The call may have noticed or not.
        let _ = older.send(batch(2)).await;
        assert_eq!(send(&mut newer, &[2, 3]).await, [2, 3]);
        assert_eq!(server.values("c_total").await, [Value::Counter(6.0)]);
        // Another producer has nothing to do with it.
        let mut other = Stream::connect(server.grpc).await.unwrap();
        let hello = RecordRequest { producer: producer("other", 1), ..hello(1) };
        assert_eq!(other.exchange(hello).await.acked_sequence, 0);
        assert_eq!(send(&mut other, &[1]).await, [1]);
        assert_eq!(send(&mut newer, &[4]).await, [4]);
        assert_eq!(server.values("c_total").await, [Value::Counter(11.0)]);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_new_run_begins_at_one_and_knows_no_numbers_of_series() {
    for (server, _folder) in services().await {
        let mut first = open(&server, 3).await;
        send(&mut first, &[1, 2]).await;
        let mut second = Stream::connect(server.grpc).await.unwrap();
        let bare = RecordRequest { producer: producer("robot", 4), ..RecordRequest::default() };
        assert_eq!(in_time(second.exchange(bare)).await.acked_sequence, 0);
        assert_eq!(in_time(first.response()).await.unwrap_err().code(), Code::Aborted);
        let unknown = in_time(second.exchange(batch(1))).await;
        assert_eq!((unknown.acked_sequence, reasons(&unknown)), (1, vec![RejectionReason::UnknownMetric]));
        let counted = RecordRequest { events: vec![event("c_total", &[], 5.0)], ..batch(2) };
        let counted = in_time(second.exchange(RecordRequest { samples: None, ..counted })).await;
        assert_eq!((counted.acked_sequence, reasons(&counted)), (2, Vec::new()));
        for epoch in [0, 2, 3] {
            let mut stale = Stream::connect(server.grpc).await.unwrap();
            stale.send(hello(epoch)).await.unwrap();
            let refused = in_time(stale.response()).await.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition);
            let reason = format!("epoch {epoch} of producer \"robot\" is stale: epoch 4 has been seen");
            assert_eq!(refused.message(), reason);
        }
        assert_eq!(server.values("c_total").await, [Value::Counter(8.0)]);
        assert_eq!(send(&mut second, &[2]).await, [2]);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_at_any_byte_neither_loses_nor_doubles() {
    for (server, _folder) in services().await {
        let mut numbers = Numbers::default();
        let cuts: Vec<_> = (0..60)
            .map(|cut| match cut % 2 {
                0 => Cut { requests: 20 + numbers.below(20_000) as usize, ..Cut::NEVER },
                _ => Cut { responses: 20 + numbers.below(1000) as usize, ..Cut::NEVER },
            })
            .collect();
        let proxy = Proxy::start(cuts.clone()).await;
        proxy.forward_to(server.grpc);
        let (_whereabouts, service) = tokio::sync::watch::channel(Some(proxy.address));
        let loads = ["one", "two"].map(|id| Load::start(id, service.clone()));
        eventually(true, async || proxy.accepted() > cuts.len()).await;
        let [one, two] = loads;
        let batches = [("one", one.stop().await), ("two", two.stop().await)];
        assert_counted_once(&get(server.http, "/metrics").await, &batches);
        drop(proxy);
        server.stop().await;
    }
}
