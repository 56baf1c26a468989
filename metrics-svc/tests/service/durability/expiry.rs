//! What has expired does not come back with a restart, but for totals that go on where they were.

use vision_proto::metrics::v1::{MetricKind, RecordRequest};

use crate::{
    http::{Page, get},
    messages::{definition, event, metric, producer, request, samples},
    process::Process,
    support::{Stream, eventually},
};

const GAUGES: [&str; 3] =
    ["ns_by_event{instance=\"robot\"}", "ns_by_number{instance=\"robot\"}", "ns_anonymous"];

async fn gauges(process: &Process) -> [Option<f64>; 3] {
    let page = get(process.http, "/metrics").await;
    GAUGES.map(|gauge| page.value(gauge))
}

/// Tells gauges in events and by numbers, as a producer and without a name, and goes.
async fn tell_gauges(process: &Process) {
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    let told = RecordRequest {
        producer: producer("robot", 1),
        sequence: 1,
        series: vec![definition(0, "by_number", &[])],
        samples: samples(&[(0, 2.0)]),
        ..request(
            vec![metric("by_event", MetricKind::Gauge, &[]), metric("by_number", MetricKind::Gauge, &[])],
            vec![event("by_event", &[], 1.0)],
        )
    };
    stream.exchange(told).await;
    stream.response().await.unwrap();
    let mut anonymous = Stream::connect(process.grpc).await.unwrap();
    let gauge = metric("anonymous", MetricKind::Gauge, &[]);
    anonymous.exchange(request(vec![gauge], vec![event("anonymous", &[], 3.0)])).await;
}

#[tokio::test]
async fn a_gauge_that_has_expired_is_not_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap()), ("metrics.expire_after", "1s")];
    let process = Process::start(&settings).await;
    tell_gauges(&process).await;
    eventually([None; 3], async || gauges(&process).await).await;
    process.terminate().await;
    let process = Process::start(&settings).await;
    assert_eq!(gauges(&process).await, [None; 3]);
    // The number is known still, and its series comes back with a value.
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    let known = RecordRequest { producer: producer("robot", 1), ..RecordRequest::default() };
    assert_eq!(stream.exchange(known).await.acked_sequence, 1);
    let again = RecordRequest { sequence: 2, samples: samples(&[(0, 7.0)]), ..RecordRequest::default() };
    assert_eq!(stream.exchange(again).await.rejections, []);
    assert_eq!(gauges(&process).await, [None, Some(7.0), None]);
    drop(stream);
    eventually([None; 3], async || gauges(&process).await).await;
    process.terminate().await;
}

#[tokio::test]
async fn a_gauge_of_a_killed_process_expires_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap()), ("metrics.expire_after", "1s")];
    let process = Process::start(&settings).await;
    tell_gauges(&process).await;
    process.kill().await;
    for _ in 0..2 {
        let process = Process::start(&settings).await;
        eventually([None; 3], async || gauges(&process).await).await;
        process.kill().await;
    }
}

const TOTALS: [&str; 4] = ["ns_c_total{a=\"x\"}", "ns_d_total", "ns_h_count{a=\"x\"}", "ns_s_sum{a=\"x\"}"];

fn totals(page: &Page) -> [Option<f64>; 4] {
    TOTALS.map(|total| page.value(total))
}

/// A batch that adds to each total, some in events and some by numbers; the first one declares them.
fn adding(sequence: u64) -> RecordRequest {
    let labels = [("a", "x")];
    let first = RecordRequest {
        producer: producer("robot", 1),
        metrics: vec![
            metric("c_total", MetricKind::Counter, &["a"]),
            metric("d_total", MetricKind::Counter, &[]),
            metric("h", MetricKind::Histogram, &["a"]),
            metric("s", MetricKind::Summary, &["a"]),
        ],
        series: vec![definition(0, "d_total", &[]), definition(1, "h", &["x"])],
        ..RecordRequest::default()
    };
    let told = if sequence == 1 { first } else { RecordRequest::default() };
    RecordRequest {
        producer: producer("robot", 1),
        sequence,
        events: vec![event("c_total", &labels, 5.0), event("s", &labels, 0.5)],
        samples: samples(&[(0, 2.0), (1, 0.25)]),
        ..told
    }
}

#[tokio::test]
async fn totals_that_have_expired_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap()), ("metrics.expire_totals_after", "1s")];
    for sequence in 1..4 {
        let process = Process::start(&settings).await;
        assert_eq!(totals(&get(process.http, "/metrics").await), [None; 4], "expired before {sequence}");
        let mut stream = Stream::connect(process.grpc).await.unwrap();
        stream.exchange(adding(sequence)).await;
        assert_eq!(stream.response().await.unwrap().rejections, []);
        let so_far = [5.0, 2.0, 1.0, 0.5].map(|each| Some(each * sequence as f64));
        assert_eq!(totals(&get(process.http, "/metrics").await), so_far);
        eventually([None; 4], async || totals(&get(process.http, "/metrics").await)).await;
        process.terminate().await;
    }
}
