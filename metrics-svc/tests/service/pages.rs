//! `GetMetrics`: what is asked for, all of it, each series once.

use std::collections::{BTreeMap, HashSet};

use prost::Message as _;
use vision_proto::metrics::v1::{GetMetricsRequest, Metric, MetricKind, RecordRequest, series::Value};

use crate::{
    messages::{definition, event, metric, request, samples},
    support::{Server, Stream, in_time},
};

/// Series of the metric that fits no page.
const MANY: u32 = 20_000;

async fn all(server: &Server, mut request: GetMetricsRequest) -> Vec<Vec<Metric>> {
    let (mut client, mut pages) = (server.client().await, Vec::new());
    loop {
        let page = in_time(client.get_metrics(request.clone())).await.unwrap().into_inner();
        assert!(page.encoded_len() < 4 << 20);
        pages.push(page.metrics);
        if page.next_page_token.is_empty() {
            return pages;
        }
        assert_ne!(page.next_page_token, request.page_token);
        request.page_token = page.next_page_token;
    }
}

fn name(metric: &Metric) -> &str {
    &metric.descriptor.as_ref().unwrap().name
}

/// Numbers of series by the names of metrics.
fn counts(pages: &[Vec<Metric>]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for metric in pages.iter().flatten() {
        *counts.entry(name(metric)).or_default() += metric.series.len();
    }
    counts
}

async fn filled() -> Server {
    let server = Server::start().await;
    let mut stream = Stream::connect(server.grpc).await.unwrap();
    let labels = |index: u32| [format!("{index:0150}"), (index % 10).to_string()];
    let define = |index| definition(index, "many_total", &labels(index).each_ref().map(String::as_str));
    let metrics = vec![
        metric("a_total", MetricKind::Counter, &["digit"]),
        metric("many_total", MetricKind::Counter, &["index", "digit"]),
        metric("many_more", MetricKind::Gauge, &["digit"]),
        metric("z", MetricKind::Histogram, &[]),
    ];
    stream.exchange(request(metrics, vec![event("a_total", &[("digit", "3")], 1.0)])).await;
    for start in (0..MANY).step_by(2000) {
        let indices = start..start + 2000;
        let values: Vec<_> = indices.clone().map(|index| (index, f64::from(index))).collect();
        let told = RecordRequest {
            series: indices.map(define).collect(),
            samples: samples(&values),
            ..RecordRequest::default()
        };
        assert_eq!(in_time(stream.exchange(told)).await.rejections, []);
    }
    stream.exchange(request(Vec::new(), vec![event("many_more", &[("digit", "3")], 1.0)])).await;
    server
}

#[tokio::test]
async fn every_series_is_on_one_page() {
    let server = filled().await;
    for page_size in [0, 1] {
        let pages = all(&server, GetMetricsRequest { page_size, ..GetMetricsRequest::default() }).await;
        assert!(pages.len() > 1);
        let expected =
            [("ns_a_total", 1), ("ns_many_more", 1), ("ns_many_total", MANY as usize), ("ns_z", 0)];
        assert_eq!(counts(&pages), BTreeMap::from(expected));
        let series = pages.iter().flatten().filter(|metric| name(metric) == "ns_many_total");
        let mut seen = HashSet::new();
        for series in series.flat_map(|metric| &metric.series) {
            let index: u32 = series.labels["index"].parse().unwrap();
            assert_eq!(series.value, Some(Value::Counter(f64::from(index))));
            assert!(seen.insert(index), "{index} is there twice");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn prefixes_and_labels_select() {
    let server = filled().await;
    let select = async |prefix: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = GetMetricsRequest {
            name_prefix: prefix.to_owned(),
            labels: labels.collect(),
            ..GetMetricsRequest::default()
        };
        let pages = all(&server, request).await;
        let counts = counts(&pages);
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect::<Vec<_>>()
    };
    let named = |counts: &[(&str, usize)]| -> Vec<(String, usize)> {
        counts.iter().map(|(name, count)| (format!("ns_{name}"), *count)).collect()
    };
    let tenth = MANY as usize / 10;
    for (prefix, labels, expected) in [
        ("a", &[][..], named(&[("a_total", 1)])),
        ("ns_a", &[], named(&[("a_total", 1)])),
        ("many_m", &[], named(&[("many_more", 1)])),
        ("nothing", &[], named(&[])),
        ("", &[("digit", "3")], named(&[("a_total", 1), ("many_more", 1), ("many_total", tenth)])),
        ("many_t", &[("digit", "3")], named(&[("many_total", tenth)])),
        ("", &[("digit", "3"), ("index", "3")], named(&[])),
        ("", &[("digit", "")], named(&[])),
        ("", &[("unknown", "3")], named(&[])),
    ] {
        assert_eq!(select(prefix, labels).await, expected, "{prefix} {labels:?}");
    }
    server.stop().await;
}
