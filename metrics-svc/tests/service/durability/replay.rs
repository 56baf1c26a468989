//! A journal that no checkpoint stands for makes the state that was there: what was dropped meanwhile stays dropped.

use std::path::{Path, PathBuf};

use vision_proto::metrics::v1::{MetricEvent, MetricKind, Operation, RecordRequest};

use crate::{
    http::get,
    messages::{event, metric, producer, request},
    process::Process,
    support::{Stream, eventually, in_time},
};

/// Keeps checkpoints from being written, by directories where their files would be made.
struct Obstacles(Vec<PathBuf>);

impl Obstacles {
    fn put(folder: &Path) -> Self {
        let paths = (2..20).map(|number| folder.join(format!("checkpoint-{number:016x}.ckpt.tmp")));
        let paths: Vec<_> = paths.collect();
        paths.iter().for_each(|path| std::fs::create_dir(path).unwrap());
        Self(paths)
    }

    fn remove(self) {
        self.0.iter().for_each(|path| std::fs::remove_dir(path).unwrap());
    }
}

/// Starts a service without checkpoints, lets `act` do something with it, and asserts that its page is the same after
/// it was killed.
async fn assert_replayed(more: &[(&str, &str)], act: impl AsyncFn(&Process)) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [&[("storage.dir", folder.path().to_str().unwrap())], more].concat();
    let process = Process::start(&settings).await;
    let obstacles = Obstacles::put(folder.path());
    act(&process).await;
    let before = get(process.http, "/metrics").await;
    process.kill().await;
    obstacles.remove();
    let process = Process::start(&settings).await;
    assert_eq!(get(process.http, "/metrics").await.lines(), before.lines());
    process.kill().await;
}

async fn tell(process: &Process, told: RecordRequest) {
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    assert_eq!(in_time(stream.exchange(told)).await.rejections, []);
}

async fn until_gone(process: &Process, sample: &str) {
    eventually(None, async || get(process.http, "/metrics").await.value(sample)).await;
}

#[tokio::test]
async fn a_gauge_that_came_back_does_not_go_on_from_what_had_expired() {
    let declared = || vec![metric("g", MetricKind::Gauge, &[])];
    assert_replayed(&[("metrics.expire_after", "1s")], async |process| {
        tell(process, request(declared(), vec![event("g", &[], 10.0)])).await;
        until_gone(process, "ns_g").await;
        let add = MetricEvent { operation: Operation::Add.into(), ..event("g", &[], 1.0) };
        tell(process, request(declared(), vec![add])).await;
    })
    .await;
}

#[tokio::test]
async fn a_series_in_the_place_of_an_expired_one_keeps_it() {
    let settings = [("metrics.expire_after", "1s"), ("metrics.max_series", "1")];
    assert_replayed(&settings, async |process| {
        let gauge = metric("g", MetricKind::Gauge, &["a"]);
        tell(process, request(vec![gauge], vec![event("g", &[("a", "x")], 1.0)])).await;
        until_gone(process, "ns_g{a=\"x\"}").await;
        let counter = metric("c_total", MetricKind::Counter, &["a"]);
        tell(process, request(vec![counter], vec![event("c_total", &[("a", "y")], 1.0)])).await;
    })
    .await;
}

#[tokio::test]
async fn a_producer_that_was_forgotten_counts_again() {
    let told = || RecordRequest {
        producer: producer("robot", 1),
        sequence: 1,
        ..request(vec![metric("c_total", MetricKind::Counter, &[])], vec![event("c_total", &[], 1.0)])
    };
    assert_replayed(&[("metrics.forget_producers_after", "1s")], async |process| {
        for time in 1..3 {
            let mut stream = Stream::connect(process.grpc).await.unwrap();
            assert_eq!(in_time(stream.exchange(told())).await.acked_sequence, 0);
            assert_eq!(in_time(stream.response()).await.unwrap().acked_sequence, 1);
            drop(stream);
            let page = get(process.http, "/metrics").await;
            assert_eq!(page.value("ns_c_total"), Some(f64::from(time)));
            let producers = async || get(process.http, "/metrics").await.value("metrics_svc_producers");
            eventually(Some(0.0), producers).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_gauge_whose_producer_stayed_stays() {
    assert_replayed(&[("metrics.expire_after", "1s")], async |process| {
        let mut stream = Stream::connect(process.grpc).await.unwrap();
        let told = RecordRequest {
            producer: producer("robot", 1),
            sequence: 1,
            ..request(vec![metric("g", MetricKind::Gauge, &[])], vec![event("g", &[], 10.0)])
        };
        in_time(stream.exchange(told)).await;
        in_time(stream.response()).await.unwrap();
        tell(process, request(vec![metric("other", MetricKind::Gauge, &[])], vec![event("other", &[], 1.0)]))
            .await;
        // By now the other one is as old as it may be.
        until_gone(process, "ns_other").await;
        let add = MetricEvent { operation: Operation::Add.into(), ..event("g", &[], 1.0) };
        in_time(stream.exchange(RecordRequest { sequence: 2, ..request(Vec::new(), vec![add]) })).await;
        assert_eq!(get(process.http, "/metrics").await.value("ns_g{instance=\"robot\"}"), Some(11.0));
    })
    .await;
}
