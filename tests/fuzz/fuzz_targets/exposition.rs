//! Pages read back: a reader of the text formats finds every sample of the snapshot with its labels and value, and no
//! other; and chunks make the same page as the whole.
#![no_main]

use std::{collections::BTreeMap, time::Duration};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vision_metrics::{
    Exemplar, MetricDescriptor, MetricKind, Operation, Registry, SeriesValue, Snapshot,
    exposition::{TextFormat, json, json_chunks, text, text_chunks},
};

const NOW: Duration = Duration::from_millis(1_700_000_000_123);

#[derive(Arbitrary, Debug)]
struct Sample {
    metric: u8,
    labels: [String; 2],
    value: f64,
    traced: bool,
}

/// Name and labels of a sample.
type Key = (String, Vec<(String, String)>);

fn registry(help: &str, samples: &[Sample]) -> Registry {
    let registry = Registry::new("ns").started_at(NOW);
    let kinds = [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram, MetricKind::Summary];
    for sample in samples {
        let kind = kinds[usize::from(sample.metric % 4)];
        let descriptor = MetricDescriptor {
            help: help.chars().take(100).collect(),
            label_names: vec!["a".to_owned(), "b".to_owned()],
            ..MetricDescriptor::new(format!("{kind}_{}", sample.metric / 4 % 4), kind)
        };
        let metric = registry.register(descriptor).expect("a sound definition");
        let [a, b] = &sample.labels;
        let Ok(series) = metric.series(&[a, b], None) else {
            continue;
        };
        if series.apply(sample.value, Operation::Default, NOW).is_ok() && sample.traced {
            series.offer_exemplar(Exemplar { trace_id: [7; 16], value: sample.value, time: NOW });
        }
    }
    registry
}

/// Every sample that a page of the format should have. What OpenMetrics has no words for is left out.
fn expected(snapshot: &Snapshot, format: TextFormat) -> BTreeMap<Key, f64> {
    let open = format == TextFormat::OpenMetrics;
    let mut samples = BTreeMap::new();
    for metric in &snapshot.metrics {
        for series in metric.series() {
            let labels: Vec<_> = series.labels.iter().map(|(n, v)| (n.to_owned(), v.into_owned())).collect();
            let mut add = |suffix: &str, extra: Option<(&str, f64)>, value| {
                let mut labels = labels.clone();
                // Bounds are compared as numbers.
                labels.extend(extra.map(|(name, bound)| (name.to_owned(), bound.to_string())));
                samples.insert((format!("{}{suffix}", metric.name), labels), value);
            };
            let distribution = match &series.value {
                SeriesValue::Counter(value) => {
                    add(if open { "_total" } else { "" }, None, *value);
                    if open {
                        add("_created", None, NOW.as_secs_f64());
                    }
                    continue;
                }
                SeriesValue::Gauge(value) => {
                    add("", None, *value);
                    continue;
                }
                SeriesValue::Histogram(distribution) => {
                    for (bound, count) in &distribution.buckets {
                        add("_bucket", Some(("le", *bound)), *count as f64);
                    }
                    distribution
                }
                SeriesValue::Summary(distribution) => {
                    for (quantile, value) in &distribution.quantiles {
                        let value = value.unwrap_or(f64::NAN);
                        if !open || value.is_nan() || value >= 0.0 {
                            add("", Some(("quantile", *quantile)), value);
                        }
                    }
                    distribution
                }
            };
            if !open || distribution.sum >= 0.0 {
                add("_sum", None, distribution.sum);
                add("_count", None, distribution.count as f64);
            }
            if open {
                add("_created", None, NOW.as_secs_f64());
            }
        }
    }
    samples
}

/// Reads a page as the format's description has it.
fn read(page: &str) -> BTreeMap<Key, f64> {
    let mut samples = BTreeMap::new();
    for line in page.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, mut rest) = line.split_at(line.find(['{', ' ']).expect("a name ends"));
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, quoted) = rest.split_once("=\"").expect("a label has a value");
                let (value, after) = unquote(quoted);
                let bound = matches!(label, "le" | "quantile");
                let value = if bound { value.parse::<f64>().expect("a bound").to_string() } else { value };
                labels.push((label.to_owned(), value));
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        let rest = rest.strip_prefix(' ').expect("a space before the value");
        let value = rest.split_once(" # {").map_or(rest, |(value, _)| value);
        let value = value.parse().expect("a number");
        assert!(samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    samples
}

/// A label's value, and what follows its quote.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next().expect("a value ends") {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next().expect("something is escaped") {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

fn same(a: &BTreeMap<Key, f64>, b: &BTreeMap<Key, f64>) -> bool {
    let same = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan());
    a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
}

fuzz_target!(|input: (String, Vec<Sample>)| {
    let (help, samples) = input;
    let registry = registry(&help, &samples);
    for format in [TextFormat::Prometheus, TextFormat::OpenMetrics] {
        let snapshot = registry.snapshot(NOW);
        let page = text(&snapshot, format);
        let (expected, read) = (expected(&snapshot, format), read(&page));
        assert!(same(&expected, &read), "{format:?}\n{page}\n{expected:?}");
        assert_eq!(text_chunks(snapshot, format).collect::<String>(), page);
    }
    let page = json(&registry.snapshot(NOW));
    let parsed: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!(parsed.as_object().map(serde_json::Map::len), Some(registry.metrics().len()));
    assert_eq!(json_chunks(registry.snapshot(NOW)).collect::<String>(), page);
});
