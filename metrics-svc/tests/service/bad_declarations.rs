//! Declarations that cannot be: each is rejected with its reason, and nothing else is touched.

use vision_proto::metrics::v1::{
    Merge, MetricDescriptor, MetricKind, RejectionReason, rejection::Subject, series::Value,
};

use crate::{
    messages::{event, metric, request},
    support::{Server, Stream, in_time},
};

const COUNTER: MetricKind = MetricKind::Counter;
const GAUGE: MetricKind = MetricKind::Gauge;
const HISTOGRAM: MetricKind = MetricKind::Histogram;
const SUMMARY: MetricKind = MetricKind::Summary;

fn named(name: &str) -> MetricDescriptor {
    metric(name, COUNTER, &[])
}

fn buckets(buckets: &[f64]) -> MetricDescriptor {
    MetricDescriptor { buckets: buckets.to_vec(), ..metric("bad", HISTOGRAM, &[]) }
}

fn quantiles(quantiles: &[f64]) -> MetricDescriptor {
    MetricDescriptor { quantiles: quantiles.to_vec(), ..metric("bad", SUMMARY, &[]) }
}

fn max_age(seconds: i64, nanos: i32) -> MetricDescriptor {
    let max_age = Some(prost_types::Duration { seconds, nanos });
    MetricDescriptor { max_age, ..metric("bad", SUMMARY, &[]) }
}

fn merged(kind: MetricKind, merge: i32) -> MetricDescriptor {
    MetricDescriptor { merge, ..metric("bad", kind, &[]) }
}

/// Names that break the rules, each with what the message must have.
fn bad_names() -> Vec<(MetricDescriptor, String)> {
    let long = "x".repeat(257);
    let mut bad = Vec::new();
    for name in ["", "9a", "a-b", "a b", "a\n", "a{b=\"c\"}", "naïve", "\u{0}", &long] {
        bad.push((named(name), format!("metric name {name:?} is not")));
    }
    for label in ["", "9", "a:b", "a-b", "é", "a\"", &long] {
        bad.push((metric("bad", COUNTER, &["ok", label]), format!("label name {label:?} is not")));
    }
    for label in ["__x", "__name__", "__"] {
        bad.push((metric("bad", GAUGE, &[label]), format!("label name {label:?} is reserved")));
    }
    for (kind, label) in [(HISTOGRAM, "le"), (SUMMARY, "quantile"), (GAUGE, "instance")] {
        bad.push((metric("bad", kind, &["ok", label]), format!("label name {label:?} is reserved")));
    }
    let twice = metric("bad", COUNTER, &["a", "b", "a"]);
    bad.push((twice, "label name \"a\" is given twice".to_owned()));
    bad
}

/// Definitions that contradict themselves or what is there, each with what the message must have.
fn bad_definitions() -> Vec<(MetricDescriptor, &'static str)> {
    let many: Vec<String> = (0..65).map(|label| format!("l{label}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        (MetricDescriptor { kind: 0, ..named("bad") }, "has unknown kind 0"),
        (MetricDescriptor { kind: 99, ..named("bad") }, "has unknown kind 99"),
        (metric("bad", COUNTER, &many), "label_names has 65 entries or bytes, at most 64"),
        (MetricDescriptor { help: "x".repeat(4097), ..named("bad") }, "help has 4097"),
        (buckets(&[1.0, 0.5]), "bucket bound 0.5 does not rise above 1"),
        (buckets(&[0.5, 0.5]), "bucket bound 0.5 does not rise above 0.5"),
        (buckets(&[1.0, f64::INFINITY]), "bucket bound inf is not finite"),
        (buckets(&[f64::NEG_INFINITY, 1.0]), "bucket bound -inf is not finite"),
        (buckets(&[1.0, f64::NAN]), "bucket bound NaN is not finite"),
        (buckets(&(0..1001).map(f64::from).collect::<Vec<_>>()), "buckets has 1001"),
        (MetricDescriptor { kind: COUNTER.into(), ..buckets(&[1.0]) }, "a counter has no buckets"),
        (MetricDescriptor { kind: GAUGE.into(), ..quantiles(&[0.5]) }, "a gauge has no quantiles"),
        (quantiles(&[0.5, 1.5]), "quantile 1.5 is not within 0..=1"),
        (quantiles(&[-0.1]), "quantile -0.1 is not within 0..=1"),
        (quantiles(&[f64::NAN]), "quantile NaN is not within 0..=1"),
        (quantiles(&[0.5, 0.9, 0.5]), "quantile 0.5 is given twice"),
        (max_age(0, 0), "max_age 0ns is shorter than 10 ns"),
        (max_age(0, 9), "max_age 9ns is shorter than 10 ns"),
        (max_age(-1, 0), "has negative max_age of -1 s"),
        (max_age(0, -1), "has negative max_age"),
        (merged(COUNTER, Merge::Max.into()), "merge Max does not apply to a counter"),
        (merged(SUMMARY, Merge::Last.into()), "merge Last does not apply to a summary"),
        (merged(GAUGE, 17), "has unknown merge 17"),
        (metric("good_total", GAUGE, &["a"]), "registered already with other kind"),
        (metric("good_total", COUNTER, &["b"]), "registered already with other labels"),
        (metric("good_total", COUNTER, &["a", "b"]), "registered already with other labels"),
        (metric("good", GAUGE, &[]), "would export \"good\", which another metric exports already"),
        (metric("good_created", GAUGE, &[]), "would export \"good_created\""),
    ]
}

#[tokio::test]
async fn what_cannot_be_declared_is_rejected_alone() {
    let server = Server::start().await;
    let mut stream = Stream::connect(server.grpc).await.unwrap();
    let good = metric("good_total", COUNTER, &["a"]);
    stream.exchange(request(vec![good.clone()], Vec::new())).await;
    let names = bad_names().into_iter().map(|(bad, said)| (bad, RejectionReason::InvalidName, said));
    let definitions = bad_definitions().into_iter();
    let definitions =
        definitions.map(|(bad, said)| (bad, RejectionReason::DescriptorConflict, said.to_owned()));
    let mut counted = 0.0;
    for (bad, reason, said) in names.chain(definitions) {
        let event = event("good_total", &[("a", "x")], 1.0);
        let response =
            in_time(stream.exchange(request(vec![good.clone(), bad, good.clone()], vec![event]))).await;
        counted += 1.0;
        let [rejection] = &*response.rejections else { panic!("{said}: {response:?}") };
        assert_eq!(
            (rejection.reason(), &rejection.subject),
            (reason, &Some(Subject::MetricIndex(1))),
            "{said}"
        );
        let said: String = said.chars().take(200).collect();
        assert!(rejection.message.contains(&said), "{:?} is not {said:?}", rejection.message);
        assert!(rejection.message.len() <= 512);
    }
    assert_eq!(server.values("good_total").await, [Value::Counter(counted)]);
    assert!(server.metric("bad").await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn what_is_only_odd_is_taken() {
    let server = Server::start().await;
    let mut stream = Stream::connect(server.grpc).await.unwrap();
    let longest = "y".repeat(256);
    let metrics = vec![
        named(&longest),
        metric("_", COUNTER, &["_", "le", "quantile", "instance"]),
        metric("a:b", HISTOGRAM, &["quantile", "instance"]),
        metric("s", SUMMARY, &["le"]),
        MetricDescriptor { merge: Merge::Sum.into(), ..metric("merged", GAUGE, &["instance"]) },
        MetricDescriptor { buckets: vec![f64::MIN, -0.0, f64::MAX], ..metric("extremes", HISTOGRAM, &[]) },
        MetricDescriptor { quantiles: vec![1.0, 0.0], ..metric("ends", SUMMARY, &[]) },
        MetricDescriptor { name: "for_ever".to_owned(), ..max_age(315_576_000_000, 999_999_999) },
        MetricDescriptor { name: "brief".to_owned(), ..max_age(0, 10) },
        MetricDescriptor { help: "\u{0}\n\"\\".to_owned(), unit: "x\ny".to_owned(), ..named("told") },
    ];
    let events = vec![
        event(&longest, &[], 1.0),
        event("extremes", &[], f64::MAX),
        event("extremes", &[], f64::MIN),
        event("ends", &[], 5e-324),
        event("for_ever", &[], 1.0),
        event("brief", &[], 1.0),
        event("merged", &[("instance", "x")], 1.0),
    ];
    let told = metrics.len();
    let response = in_time(stream.exchange(request(metrics, events))).await;
    assert_eq!(response.rejections, []);
    let page = crate::http::get(server.http, "/metrics").await;
    assert_eq!(page.body.lines().filter(|line| line.starts_with("# TYPE ns_")).count(), told);
    assert_eq!(page.value("ns_merged{instance=\"x\"}"), Some(1.0));
    assert_eq!(page.value("ns_for_ever{quantile=\"0.5\"}"), Some(1.0));
    server.stop().await;
}
