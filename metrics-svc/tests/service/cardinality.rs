//! Budgets of series: what exceeds one is counted under `__overflow__`, its sender told, nobody else concerned.

use vision_proto::metrics::v1::{MetricKind, RecordRequest, RecordResponse, RejectionReason};

use crate::{
    http::{Page, get},
    messages::{definition, event, metric, producer, reasons, request, samples},
    process::Process,
    support::{Server, Stream, eventually, in_time},
};

const LIMIT: RejectionReason = RejectionReason::CardinalityLimit;

/// Opens a stream that has declared a metric of each kind.
async fn open(service: std::net::SocketAddr, id: Option<&str>) -> Stream {
    let mut stream = Stream::connect(service).await.unwrap();
    let metrics = vec![
        metric("c_total", MetricKind::Counter, &["a"]),
        metric("g", MetricKind::Gauge, &["a"]),
        metric("h", MetricKind::Histogram, &["a"]),
        metric("s", MetricKind::Summary, &["a"]),
        metric("bare_total", MetricKind::Counter, &[]),
    ];
    let told = RecordRequest { producer: id.and_then(|id| producer(id, 1)), ..request(metrics, Vec::new()) };
    assert_eq!(in_time(stream.exchange(told)).await.rejections, []);
    stream
}

/// Adds one to each of the first `count` series of a metric.
fn events(metric: &str, count: usize) -> RecordRequest {
    let events = (0..count).map(|label| event(metric, &[("a", &label.to_string())], 1.0));
    request(Vec::new(), events.collect())
}

async fn send(stream: &mut Stream, sequence: u64, told: RecordRequest) -> RecordResponse {
    let response = in_time(stream.exchange(RecordRequest { sequence, ..told })).await;
    assert_eq!(response.acked_sequence, sequence);
    response
}

fn assert_page(page: &Page, expected: &[(&str, f64)]) {
    for (sample, value) in expected {
        assert_eq!(page.value(sample), Some(*value), "{sample} in\n{}", page.body);
    }
}

/// Series of a metric on a page, of a distribution its counts.
fn series(page: &Page, name: &str) -> usize {
    page.body.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count()
}

#[tokio::test]
async fn past_the_budget_of_all_every_kind_overflows_and_what_is_there_goes_on() {
    let server = Server::start_with(|settings| settings.metrics.max_series = 8).await;
    let mut stream = open(server.grpc, None).await;
    for (name, own) in [("c_total", 5), ("g", 3), ("h", 0), ("s", 0)] {
        let response = in_time(stream.exchange(events(name, 5))).await;
        assert_eq!(reasons(&response), vec![LIMIT; 5 - own], "{name}");
        for rejection in &response.rejections {
            let said = format!("metric {name:?} may have no further series: counted under \"__overflow__\"");
            assert_eq!(rejection.message, said);
        }
        // Told again each time.
        assert_eq!(reasons(&in_time(stream.exchange(events(name, 5))).await).len(), 5 - own, "{name}");
    }
    // The only series of a metric needs no budget.
    let bare = request(Vec::new(), vec![event("bare_total", &[], 1.0)]);
    assert_eq!(in_time(stream.exchange(bare)).await.rejections, []);
    let page = get(server.http, "/metrics").await;
    let expected = [
        ("ns_c_total{a=\"0\"}", 2.0),
        ("ns_c_total{a=\"4\"}", 2.0),
        ("ns_g{a=\"2\"}", 1.0),
        ("ns_g{a=\"__overflow__\"}", 1.0),
        ("ns_h_count{a=\"__overflow__\"}", 10.0),
        ("ns_s_sum{a=\"__overflow__\"}", 10.0),
        ("ns_bare_total", 1.0),
        ("metrics_svc_overflowed_samples_total{metric=\"g\"}", 4.0),
        ("metrics_svc_overflowed_samples_total{metric=\"h\"}", 10.0),
        ("metrics_svc_overflowed_samples_total{metric=\"s\"}", 10.0),
        ("metrics_svc_metric_series{metric=\"c_total\"}", 5.0),
        ("metrics_svc_rejections_total{reason=\"CARDINALITY_LIMIT\"}", 24.0),
    ];
    assert_page(&page, &expected);
    assert_eq!(page.value("metrics_svc_overflowed_samples_total{metric=\"c_total\"}"), None);
    assert_eq!((series(&page, "ns_c_total"), series(&page, "ns_h_count")), (5, 1));
    server.stop().await;
}

#[tokio::test]
async fn past_the_budget_of_one_metric_the_others_have_room() {
    let server = Server::start_with(|settings| settings.metrics.max_series_per_metric = 3).await;
    let mut stream = open(server.grpc, None).await;
    assert_eq!(reasons(&in_time(stream.exchange(events("c_total", 10))).await), [LIMIT; 7]);
    for name in ["g", "h", "s"] {
        assert_eq!(in_time(stream.exchange(events(name, 3))).await.rejections, [], "{name}");
    }
    let page = get(server.http, "/metrics").await;
    let expected = [
        ("ns_c_total{a=\"2\"}", 1.0),
        ("ns_c_total{a=\"__overflow__\"}", 7.0),
        ("metrics_svc_overflowed_samples_total{metric=\"c_total\"}", 7.0),
        ("metrics_svc_metric_series{metric=\"g\"}", 3.0),
    ];
    assert_page(&page, &expected);
    assert_eq!((series(&page, "ns_c_total"), series(&page, "ns_g")), (4, 3));
    server.stop().await;
}

#[tokio::test]
async fn past_the_budget_of_a_producer_others_have_room() {
    let server = Server::start_with(|settings| settings.metrics.max_series_per_producer = 3).await;
    let mut greedy = open(server.grpc, Some("greedy")).await;
    assert_eq!(reasons(&send(&mut greedy, 1, events("c_total", 5)).await), [LIMIT; 2]);
    assert_eq!(reasons(&send(&mut greedy, 2, events("g", 2)).await), [LIMIT; 2]);
    let mut modest = open(server.grpc, Some("modest")).await;
    // A series that is there costs nobody anything.
    assert_eq!(reasons(&send(&mut modest, 1, events("c_total", 3)).await), []);
    assert_eq!(reasons(&send(&mut modest, 2, events("g", 3)).await), []);
    let mut anonymous = open(server.grpc, None).await;
    assert_eq!(in_time(anonymous.exchange(events("h", 20))).await.rejections, []);
    let page = get(server.http, "/metrics").await;
    let expected = [
        ("ns_c_total{a=\"0\"}", 2.0),
        ("ns_c_total{a=\"__overflow__\"}", 2.0),
        ("ns_g{a=\"2\",instance=\"modest\"}", 1.0),
        ("ns_g{a=\"__overflow__\"}", 1.0),
        ("metrics_svc_producer_series{producer=\"greedy\"}", 3.0),
        ("metrics_svc_producer_series{producer=\"modest\"}", 3.0),
        ("metrics_svc_overflowed_samples_total{metric=\"c_total\"}", 2.0),
        ("metrics_svc_overflowed_samples_total{metric=\"g\"}", 2.0),
    ];
    assert_page(&page, &expected);
    server.stop().await;
}

#[tokio::test]
async fn numbers_past_the_budget_count_under_overflow_and_their_definition_says_so() {
    let server = Server::start_with(|settings| settings.metrics.max_series_per_metric = 2).await;
    let mut stream = open(server.grpc, Some("robot")).await;
    let labels = ["0", "1", "2", "3"];
    let series: Vec<_> = (0..).zip(labels).map(|(id, label)| definition(id, "c_total", &[label])).collect();
    let pairs = [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (2, 16.0)];
    let told = RecordRequest { series, samples: samples(&pairs), ..RecordRequest::default() };
    for sequence in 1..3 {
        assert_eq!(reasons(&send(&mut stream, sequence, told.clone()).await), [LIMIT; 2]);
    }
    let page = get(server.http, "/metrics").await;
    let expected = [
        ("ns_c_total{a=\"0\"}", 2.0),
        ("ns_c_total{a=\"1\"}", 4.0),
        ("ns_c_total{a=\"__overflow__\"}", 56.0),
        ("metrics_svc_overflowed_samples_total{metric=\"c_total\"}", 6.0),
    ];
    assert_page(&page, &expected);
    server.stop().await;
}

#[tokio::test]
async fn what_expires_makes_room() {
    let server = Server::start_with(|settings| {
        settings.metrics.max_series = 2;
        settings.metrics.expire_after = std::time::Duration::from_secs(1);
    })
    .await;
    let mut stream = open(server.grpc, None).await;
    assert_eq!(reasons(&in_time(stream.exchange(events("g", 3))).await), [LIMIT]);
    eventually(0.0, async || get(server.http, "/metrics").await.value("metrics_svc_series").unwrap()).await;
    assert_eq!(in_time(stream.exchange(events("c_total", 2))).await.rejections, []);
    server.stop().await;
}

#[tokio::test]
async fn budgets_hold_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("storage.dir", folder.path().to_str().unwrap()),
        ("metrics.max_series_per_producer", "4"),
        ("metrics.max_series_per_metric", "3"),
    ];
    for life in 1..4_u32 {
        let process = Process::start(&settings).await;
        let mut stream = open(process.grpc, Some("robot")).await;
        let numbered = definition(9, "g", &["numbered"]);
        let told = RecordRequest {
            series: if life == 1 { vec![numbered] } else { Vec::new() },
            samples: samples(&[(9, f64::from(life))]),
            ..events("c_total", 6)
        };
        let sequence = 2 * u64::from(life);
        assert_eq!(reasons(&send(&mut stream, sequence - 1, told).await), [LIMIT; 3], "of the metric");
        assert_eq!(
            reasons(&send(&mut stream, sequence, events("h", 2)).await),
            [LIMIT; 2],
            "of the producer"
        );
        let page = get(process.http, "/metrics").await;
        let life = f64::from(life);
        let expected = [
            ("ns_c_total{a=\"2\"}", life),
            ("ns_c_total{a=\"__overflow__\"}", 3.0 * life),
            ("ns_g{a=\"numbered\",instance=\"robot\"}", life),
            ("ns_h_count{a=\"__overflow__\"}", 2.0 * life),
            ("metrics_svc_producer_series{producer=\"robot\"}", 4.0),
        ];
        assert_page(&page, &expected);
        assert_eq!((series(&page, "ns_c_total"), series(&page, "ns_h_count")), (4, 1));
        process.terminate().await;
    }
}

#[tokio::test]
async fn a_number_in_the_overflow_stays_there_until_it_is_defined_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |limit| {
        let dir = folder.path().to_str().unwrap();
        Process::start(&[("storage.dir", dir), ("metrics.max_series_per_metric", limit)]).await
    };
    for (metric, own, other) in [
        ("c_total", "ns_c_total{a=\"0\"}", "ns_c_total{a=\"1\"}"),
        ("g", "ns_g{a=\"0\",instance=\"robot\"}", "ns_g{a=\"1\",instance=\"robot\"}"),
    ] {
        let id = if metric == "g" { 10 } else { 0 };
        let numbers = || vec![definition(id, metric, &["0"]), definition(id + 1, metric, &["1"])];
        let told =
            || RecordRequest { samples: samples(&[(id, 1.0), (id + 1, 2.0)]), ..RecordRequest::default() };
        let base = u64::from(id);
        let process = start("1").await;
        let mut stream = open(process.grpc, Some("robot")).await;
        let first = RecordRequest { series: numbers(), ..told() };
        assert_eq!(reasons(&send(&mut stream, base + 1, first).await), [LIMIT]);
        process.terminate().await;
        // Now there is room, but not for what nobody knows the labels of.
        let process = start("5").await;
        let mut stream = open(process.grpc, Some("robot")).await;
        assert_eq!(reasons(&send(&mut stream, base + 2, told()).await), []);
        let page = get(process.http, "/metrics").await;
        assert_eq!((series(&page, &format!("ns_{metric}")), page.value(other)), (2, None), "{}", page.body);
        let again = RecordRequest { series: numbers(), ..told() };
        assert_eq!(reasons(&send(&mut stream, base + 3, again).await), []);
        assert_page(
            &get(process.http, "/metrics").await,
            &[(own, if id == 0 { 3.0 } else { 1.0 }), (other, 2.0)],
        );
        process.terminate().await;
    }
}
