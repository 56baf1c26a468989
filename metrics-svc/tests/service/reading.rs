//! What an exposition says, whatever its format: values by the names and labels of samples.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use vision_proto::metrics::v1::{Metric, series::Value};

/// Name and labels of a sample.
pub(crate) type Key = (String, BTreeMap<String, String>);

/// What is read of a page, but for what the service tells about itself and for quantiles without a value.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) samples: BTreeMap<Key, f64>,
    /// Trace identifiers of samples, with the values of the traced events.
    pub(crate) exemplars: BTreeMap<Key, (String, f64)>,
}

impl Reading {
    /// Reads a page of one of the text formats.
    pub(crate) fn of_text(page: &str) -> Self {
        let mut reading = Self::default();
        for line in page.split_terminator('\n').filter(|line| !line.starts_with('#')) {
            let (key, rest) = sample(line);
            let (value, exemplar) = rest.split_once(" # ").unwrap_or((rest, ""));
            if let Some(exemplar) = exemplar.strip_prefix("{trace_id=\"") {
                let (trace, rest) = exemplar.split_once("\"} ").unwrap();
                let (traced, time) = rest.split_once(' ').unwrap();
                assert!(time.parse::<f64>().unwrap() > 1e9, "{line}");
                reading.exemplars.insert(key.clone(), (trace.to_owned(), traced.parse().unwrap()));
            }
            reading.add(key, value.parse().unwrap());
        }
        reading
    }

    /// Reads `/metrics.json`.
    pub(crate) fn of_json(page: &str) -> Self {
        let page: BTreeMap<String, Json> = serde_json::from_str(page).unwrap();
        let mut reading = Self::default();
        for (name, metric) in &page {
            assert_eq!(metric["name"], *name);
            for sample in metric["samples"].as_array().unwrap() {
                let mut labels: BTreeMap<String, String> =
                    serde_json::from_value(sample["labels"].clone()).unwrap();
                let bounds = labels.iter_mut().filter(|(label, _)| matches!(&***label, "le" | "quantile"));
                bounds.for_each(|(_, text)| *text = bound(text));
                let suffix = match sample["_type"].as_str() {
                    Some(part) => format!("_{part}"),
                    None if metric["type"] == "histogram" => "_bucket".to_owned(),
                    None => String::new(),
                };
                assert!(sample["timestamp"].as_f64().unwrap() > 1e9);
                reading.add((format!("{name}{suffix}"), labels), sample["value"].as_f64().unwrap());
            }
        }
        reading
    }

    /// Reads what `GetMetrics` answers.
    pub(crate) fn of_metrics(metrics: &[Metric]) -> Self {
        let mut reading = Self::default();
        for metric in metrics {
            let descriptor = metric.descriptor.as_ref().unwrap();
            let summary = !descriptor.quantiles.is_empty() && descriptor.buckets.is_empty();
            for series in &metric.series {
                let key = |suffix: &str, bound: Option<(&str, f64)>| {
                    let mut labels: BTreeMap<_, _> = series.labels.clone().into_iter().collect();
                    labels.extend(bound.map(|(label, bound)| (label.to_owned(), bound.to_string())));
                    (format!("{}{suffix}", descriptor.name), labels)
                };
                let distribution = match series.value.as_ref().unwrap() {
                    Value::Counter(value) | Value::Gauge(value) => {
                        reading.add(key("", None), *value);
                        continue;
                    }
                    Value::Distribution(distribution) => distribution,
                };
                reading.add(key("_sum", None), distribution.sum);
                reading.add(key("_count", None), distribution.count as f64);
                for bucket in &distribution.buckets {
                    let key = key("_bucket", Some(("le", bucket.upper_bound)));
                    reading.add(key, bucket.cumulative_count as f64);
                }
                for quantile in distribution.quantiles.iter().filter(|_| summary) {
                    reading.add(key("", Some(("quantile", quantile.quantile))), quantile.value);
                }
            }
        }
        reading
    }

    /// Each sample stands on a page once.
    fn add(&mut self, key: Key, value: f64) {
        if !key.0.starts_with("metrics_svc_") && !value.is_nan() {
            assert!(!self.samples.contains_key(&key), "{key:?}");
            self.samples.insert(key, value);
        }
    }

    /// Asserts that the samples are the same; of those that are not, tells the first.
    pub(crate) fn assert_same(&self, other: &Self) {
        for key in self.samples.keys().chain(other.samples.keys()) {
            assert_eq!(self.samples.get(key), other.samples.get(key), "{key:?}");
        }
    }
}

/// A number as the labels of a reading have it: formats write the same one differently.
fn bound(text: &str) -> String {
    text.parse::<f64>().unwrap().to_string()
}

/// Takes a line apart into what names its sample and what follows the space behind that.
fn sample(line: &str) -> (Key, &str) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.trim_start_matches(',').split_once("=\"").unwrap();
            let (value, behind) = unquote(quoted);
            let value = if matches!(label, "le" | "quantile") { bound(&value) } else { value };
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = behind;
        }
        rest = &rest[1..];
    }
    ((name.to_owned(), labels), rest.strip_prefix(' ').unwrap())
}

/// The text up to the closing quote, its escapes undone, and what follows the quote.
fn unquote(quoted: &str) -> (String, &str) {
    let (mut text, mut characters) = (String::new(), quoted.char_indices());
    loop {
        match characters.next().unwrap() {
            (at, '"') => return (text, &quoted[at + 1..]),
            (_, '\\') => text.push(match characters.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                other => panic!("\\{other} is no escape"),
            }),
            (_, other) => text.push(other),
        }
    }
}
