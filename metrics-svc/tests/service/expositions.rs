//! Text, OpenMetrics, JSON and `GetMetrics` tell the same.

use std::collections::{BTreeMap, BTreeSet};

use vision_proto::metrics::v1::{
    GetMetricsRequest, Merge, MetricDescriptor, MetricEvent, MetricKind, Operation, RecordRequest,
};

use crate::{
    http::{get, get_as},
    messages::{event, metric, producer, request},
    reading::{Key, Reading},
    support::{Server, Stream, in_time},
};

/// Label values that a format may stumble over.
const ODD: [&str; 14] = [
    "",
    " ",
    "a\"b",
    "back\\slash",
    "\\",
    "\\n",
    "line\nfeed\n",
    "\r\n\t",
    "\u{0}\u{1}\u{7f}",
    "{a=\"b\"} 1 # {x=\"y\"}",
    "\u{85}\u{2028}\u{feff}",
    "naïve 日本 🤖",
    "</script>&amp;",
    "\\\"",
];

fn metrics() -> Vec<MetricDescriptor> {
    let merged = |name, merge: Merge| MetricDescriptor {
        merge: merge.into(),
        ..metric(name, MetricKind::Gauge, &["a"])
    };
    let help = "Help with \"quotes\", a \\ and a\nline feed.".to_owned();
    vec![
        MetricDescriptor { help: help.clone(), ..metric("c_total", MetricKind::Counter, &["a"]) },
        metric("plain_total", MetricKind::Counter, &[]),
        metric("own", MetricKind::Gauge, &["a"]),
        merged("added", Merge::Sum),
        merged("greatest", Merge::Max),
        merged("latest", Merge::Last),
        MetricDescriptor {
            help,
            unit: "seconds".to_owned(),
            ..metric("h_seconds", MetricKind::Histogram, &["a"])
        },
        MetricDescriptor { buckets: vec![-2.5, 0.0, 1e6], ..metric("below", MetricKind::Histogram, &[]) },
        MetricDescriptor { quantiles: vec![0.0, 0.5, 1.0], ..metric("s", MetricKind::Summary, &["a"]) },
        metric("empty", MetricKind::Summary, &[]),
    ]
}

fn events(shift: f64) -> Vec<MetricEvent> {
    let mut events = vec![
        event("plain_total", &[], 0.1),
        event("below", &[], -7.5 - shift),
        event("below", &[], 0.0),
        event("below", &[], 3e9),
        MetricEvent { trace_id: vec![0xab; 16], ..event("h_seconds", &[("a", "")], 0.3) },
        MetricEvent { trace_id: vec![1; 16], ..event("h_seconds", &[("a", "")], 99.0) },
        MetricEvent { trace_id: vec![2; 16], ..event("c_total", &[("a", "\\\"")], 0.5) },
        MetricEvent { trace_id: vec![3; 16], ..event("own", &[("a", "")], 0.5) },
    ];
    for (index, value) in ODD.iter().enumerate() {
        let (labels, index) = ([("a", *value)], index as f64);
        events.extend([
            event("c_total", &labels, index + 0.25),
            event("h_seconds", &labels, index / 7.0 + shift),
            event("s", &labels, index - 3.0),
            event("s", &labels, 1e-9 * index),
            event("own", &labels, -index - shift),
            MetricEvent { operation: Operation::Add.into(), ..event("own", &labels, -0.1) },
            event("added", &labels, shift - 1.0),
            event("greatest", &labels, -shift),
            event("latest", &labels, f64::MAX),
        ]);
    }
    events
}

async fn filled() -> Server {
    let server = Server::start().await;
    for (id, shift) in [("one", 0.0), ("two\"\\\n", 4.5)] {
        let mut stream = Stream::connect(server.grpc).await.unwrap();
        let told =
            RecordRequest { producer: producer(id, 1), sequence: 1, ..request(metrics(), events(shift)) };
        stream.send(told).await.unwrap();
        for _ in 0..2 {
            assert_eq!(in_time(stream.response()).await.unwrap().rejections, []);
        }
    }
    server
}

async fn wire(server: &Server) -> Reading {
    let answer = server.client().await.get_metrics(GetMetricsRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.next_page_token, "");
    Reading::of_metrics(&answer.metrics)
}

fn key(name: &str, labels: &[(&str, &str)]) -> Key {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (name.to_owned(), labels.collect())
}

#[tokio::test]
async fn all_expositions_tell_the_same_numbers() {
    let server = filled().await;
    let text = Reading::of_text(&get(server.http, "/metrics").await.body);
    text.assert_same(&wire(&server).await);
    text.assert_same(&Reading::of_json(&get(server.http, "/metrics.json").await.body));
    for value in ODD {
        for name in ["ns_c_total", "ns_h_seconds_sum", "ns_s_count", "ns_added"] {
            assert!(text.samples.contains_key(&key(name, &[("a", value)])), "{name} {value:?}");
        }
    }
    let own = key("ns_own", &[("a", "\r\n\t"), ("instance", "two\"\\\n")]);
    assert_eq!(text.samples.get(&own), Some(&(-7.0 - 4.5 - 0.1)));
    let below = |le| text.samples[&key("ns_below_bucket", &[("le", le)])];
    assert_eq!(["-2.5", "0", "1000000", "inf"].map(below), [2.0, 4.0, 4.0, 6.0]);
    for (name, expected) in [("ns_added", 2.5), ("ns_greatest", 0.0), ("ns_latest", f64::MAX)] {
        assert_eq!(text.samples[&key(name, &[("a", "")])], expected, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn open_metrics_tells_when_and_whose_besides() {
    let server = filled().await;
    let text = Reading::of_text(&get(server.http, "/metrics").await.body);
    let page = get_as(server.http, "/metrics", "application/openmetrics-text").await.body;
    assert!(page.ends_with("\n# EOF\n"));
    let mut open = Reading::of_text(&page);
    let created: BTreeMap<_, _> = open.samples.extract_if(.., |key, _| key.0.ends_with("_created")).collect();
    assert!(created.values().all(|time| *time > 1e9));
    let expected = [("ns_c", 14), ("ns_h_seconds", 14), ("ns_s", 14), ("ns_plain", 1), ("ns_below", 1)];
    for (name, series) in expected {
        let name = format!("{name}_created");
        assert_eq!(created.keys().filter(|key| key.0 == name).count(), series, "{name}");
    }
    // The format has no words for what is negative.
    let left_out = text.samples.iter().filter(|(key, _)| !open.samples.contains_key(*key));
    let left_out: BTreeSet<_> = left_out.map(|(key, _)| &*key.0).collect();
    assert_eq!(
        left_out,
        BTreeSet::from(["ns_below_count", "ns_below_sum", "ns_s", "ns_s_count", "ns_s_sum"])
    );
    for (key, value) in &open.samples {
        assert_eq!(text.samples.get(key), Some(value), "{key:?}");
    }
    let exemplar = |trace: u8, value| (format!("{trace:02x}").repeat(16), value);
    let expected = BTreeMap::from([
        (key("ns_c_total", &[("a", "\\\"")]), exemplar(2, 0.5)),
        (key("ns_h_seconds_bucket", &[("a", ""), ("le", "0.5")]), exemplar(0xab, 0.3)),
        (key("ns_h_seconds_bucket", &[("a", ""), ("le", "inf")]), exemplar(1, 99.0)),
    ]);
    assert_eq!(open.exemplars, expected);
    assert_eq!(text.exemplars, BTreeMap::new());
    assert!(page.contains("# TYPE ns_c counter\n") && page.contains("# UNIT ns_h_seconds seconds\n"));
    assert!(page.contains("# HELP ns_c Help with \\\"quotes\\\", a \\\\ and a\\nline feed.\n"));
    server.stop().await;
}
