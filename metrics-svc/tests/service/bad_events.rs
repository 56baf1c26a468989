//! Events and samples that cannot be: each is rejected with its reason, and the rest of its batch is applied.

use vision_proto::metrics::v1::{
    MetricEvent, MetricKind, RecordRequest, RecordResponse, RejectionReason, Samples, rejection::Subject,
    series::Value,
};

use crate::{
    http::get,
    messages::{definition, event, metric, reasons, request, samples},
    support::{Server, Stream, in_time},
};

const OK: [(&str, &str); 1] = [("a", "x")];

async fn open(server: &Server) -> Stream {
    let mut stream = Stream::connect(server.grpc).await.unwrap();
    let metrics = vec![
        metric("c_total", MetricKind::Counter, &["a"]),
        metric("g", MetricKind::Gauge, &["a"]),
        metric("h", MetricKind::Histogram, &["a"]),
        metric("s", MetricKind::Summary, &["a"]),
    ];
    let series =
        ["c_total", "g", "h", "s"].iter().zip(0..).map(|(metric, id)| definition(id, metric, &["x"]));
    let told = RecordRequest { series: series.collect(), ..request(metrics, Vec::new()) };
    assert_eq!(in_time(stream.exchange(told)).await.rejections, []);
    stream
}

/// Bad events with the reason and a part of the message.
fn bad_events() -> Vec<(MetricEvent, RejectionReason, String)> {
    use RejectionReason::{InvalidValue, LabelMismatch, UnknownMetric};
    let operation = |name: &str, operation| MetricEvent { operation, ..event(name, &OK, 1.0) };
    let traced = |length| MetricEvent { trace_id: vec![1; length], ..event("h", &OK, 1.0) };
    let long = "v".repeat(1 << 20);
    let mut bad = vec![
        (event("", &[], 1.0), UnknownMetric, "metric \"\" is not declared".to_owned()),
        (event("ns_c_total", &OK, 1.0), UnknownMetric, "metric \"ns_c_total\" is not declared".to_owned()),
        (event(&long, &OK, 1.0), UnknownMetric, "metric \"vvv".to_owned()),
        (event("c_total", &[], 1.0), LabelMismatch, "label \"a\" is missing".to_owned()),
        (event("c_total", &[("b", "x")], 1.0), LabelMismatch, "label \"b\" is unknown".to_owned()),
        (event("c_total", &[("a", "x"), ("b", "")], 1.0), LabelMismatch, "label \"b\" is unknown".to_owned()),
        (event("c_total", &[(&long, "x")], 1.0), LabelMismatch, "label \"vvv".to_owned()),
        (
            event("c_total", &[("a", &long)], 1.0),
            LabelMismatch,
            "\"a\" has 1048576 bytes, at most 256".to_owned(),
        ),
        (event("c_total", &[("a", &long[..257])], 1.0), LabelMismatch, "\"a\" has 257 bytes".to_owned()),
        (operation("c_total", 3), InvalidValue, "operation 3 is unknown".to_owned()),
        (operation("g", -1), InvalidValue, "operation -1 is unknown".to_owned()),
        (operation("c_total", 1), InvalidValue, String::new()),
        (operation("h", 1), InvalidValue, String::new()),
        (operation("s", 2), InvalidValue, String::new()),
        (event("c_total", &OK, -0.5), InvalidValue, "-0.5".to_owned()),
    ];
    for length in [1, 8, 15, 17, 32, 4096] {
        bad.push((traced(length), InvalidValue, format!("trace_id has {length} bytes, 16 or none")));
    }
    for name in ["c_total", "g", "h", "s"] {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            bad.push((event(name, &OK, value), InvalidValue, value.to_string()));
        }
    }
    bad
}

/// A batch whose middle event is bad: it is rejected and what is round it applied.
async fn rejected(stream: &mut Stream, bad: MetricEvent) -> RecordResponse {
    let good = || event("c_total", &OK, 1.0);
    in_time(stream.exchange(request(Vec::new(), vec![good(), bad, good()]))).await
}

#[tokio::test]
async fn a_bad_event_is_rejected_alone_whether_its_series_is_known_or_not() {
    let server = Server::start().await;
    let mut stream = open(&server).await;
    let mut counted = 0.0;
    // A second time the series round it are known by how they are written.
    for _ in 0..2 {
        for (bad, reason, said) in bad_events() {
            let response = rejected(&mut stream, bad).await;
            counted += 2.0;
            let [rejection] = &*response.rejections else { panic!("{said}: {response:?}") };
            assert_eq!(
                (rejection.reason(), &rejection.subject),
                (reason, &Some(Subject::EventIndex(1))),
                "{said}"
            );
            assert!(rejection.message.contains(&said), "{:?} is not {said:?}", rejection.message);
            assert!(rejection.message.len() <= 512);
        }
    }
    assert_eq!(server.values("c_total").await, [Value::Counter(counted)]);
    assert_eq!(server.values("g").await, [Value::Gauge(0.0)]);
    assert_eq!(server.total("h").await + server.total("s").await, 0.0);
    let page = get(server.http, "/metrics").await;
    for reason in ["UNKNOWN_METRIC", "LABEL_MISMATCH", "INVALID_VALUE"] {
        let bad = bad_events().iter().filter(|(_, bad, _)| bad.as_str_name().ends_with(reason)).count();
        let told = page.value(&format!("metrics_svc_rejections_total{{reason=\"{reason}\"}}"));
        assert_eq!(told, Some(2.0 * bad as f64), "{reason}");
    }
    server.stop().await;
}

#[tokio::test]
async fn packed_columns_that_do_not_fit_are_rejected_and_events_applied() {
    let server = Server::start().await;
    let mut stream = open(&server).await;
    for (ids, values) in [(vec![0, 0, 0], vec![1.0]), (vec![], vec![1.0, 2.0]), (vec![0], vec![])] {
        let message = format!("samples have {} series ids and {} values", ids.len(), values.len());
        let columns = Samples { series_id: ids, value: values };
        let told =
            RecordRequest { samples: Some(columns), ..request(Vec::new(), vec![event("c_total", &OK, 1.0)]) };
        let response = in_time(stream.exchange(told)).await;
        assert_eq!(reasons(&response), [RejectionReason::InvalidValue]);
        assert_eq!((&response.rejections[0].subject, &response.rejections[0].message), (&None, &message));
    }
    assert_eq!(server.values("c_total").await, [Value::Counter(3.0)]);
    server.stop().await;
}

#[tokio::test]
async fn samples_of_unknown_numbers_and_bad_values_are_rejected_alone() {
    let server = Server::start().await;
    let mut stream = open(&server).await;
    let pairs = [
        (0, 1.0),
        (4, 1.0),
        (u32::MAX, 1.0),
        (0, -1.0),
        (1, f64::NAN),
        (2, f64::INFINITY),
        (3, f64::NAN),
        (1, 5.0),
        (0, 1.0),
    ];
    let told = RecordRequest { samples: samples(&pairs), ..RecordRequest::default() };
    let response = in_time(stream.exchange(told)).await;
    let subjects: Vec<_> = response.rejections.iter().map(|rejection| rejection.subject.unwrap()).collect();
    assert_eq!(subjects, [4, u32::MAX, 0, 1, 2, 3].map(Subject::SeriesId));
    assert_eq!(reasons(&response)[..2], [RejectionReason::UnknownMetric; 2]);
    assert_eq!(reasons(&response)[2..], [RejectionReason::InvalidValue; 4]);
    assert_eq!(response.rejections[1].message, "series 4294967295 is not defined");
    assert_eq!(server.values("c_total").await, [Value::Counter(2.0)]);
    assert_eq!(server.values("g").await, [Value::Gauge(5.0)]);
    server.stop().await;
}

#[tokio::test]
async fn definitions_that_cannot_be_are_rejected_alone() {
    use RejectionReason::{DescriptorConflict, LabelMismatch, UnknownMetric};
    let server = Server::start().await;
    let mut stream = open(&server).await;
    let long = "v".repeat(257);
    let bad = [
        (definition(10, "missing", &["x"]), UnknownMetric),
        (definition(11, "c_total", &[]), LabelMismatch),
        (definition(12, "c_total", &["x", "y"]), LabelMismatch),
        (definition(13, "c_total", &[&long]), LabelMismatch),
        (definition(0, "c_total", &["other"]), DescriptorConflict),
        (definition(0, "g", &["x"]), DescriptorConflict),
    ];
    let (series, expected): (Vec<_>, Vec<_>) = bad.into_iter().unzip();
    let again = definition(0, "c_total", &["x"]);
    let told = RecordRequest {
        series: [series, vec![again, definition(u32::MAX, "c_total", &["last"])]].concat(),
        samples: samples(&[(0, 1.0), (u32::MAX, 3.0)]),
        ..RecordRequest::default()
    };
    let response = in_time(stream.exchange(told)).await;
    assert_eq!(reasons(&response), expected);
    assert_eq!(server.values("c_total").await, [Value::Counter(1.0), Value::Counter(3.0)]);
    server.stop().await;
}

#[tokio::test]
async fn more_rejections_than_are_listed_are_counted() {
    let server = Server::start().await;
    let mut stream = open(&server).await;
    // Long messages are fewer, so that no response is large.
    for (name, listed) in [("é".repeat(8), 100), ("é".repeat(1000), 32)] {
        let mut events = vec![event(&name, &[], 1.0); 1000];
        events.push(event("c_total", &OK, 1.0));
        let response = in_time(stream.exchange(request(Vec::new(), events))).await;
        let unlisted = response.unlisted_rejections as usize;
        assert_eq!((response.rejections.len(), unlisted), (listed, 1000 - listed));
    }
    assert_eq!(server.values("c_total").await, [Value::Counter(2.0)]);
    server.stop().await;
}
