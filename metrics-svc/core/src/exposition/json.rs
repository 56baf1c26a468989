//! The JSON form: metrics by name, samples as the text format has them.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::number::Number;
use crate::{MetricKind, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot, Statistics, UnixTime};

/// A snapshot that serialises as a map of metrics.
#[derive(Clone, Copy, Debug)]
pub struct JsonSnapshot<'a>(&'a Snapshot);

/// The snapshot's JSON form.
#[must_use]
pub fn json(snapshot: &Snapshot) -> JsonSnapshot<'_> {
    JsonSnapshot(snapshot)
}

impl Serialize for JsonSnapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let timed = |metric| JsonMetric::new(metric, self.0.time);
        let metrics = self.0.metrics.iter();
        serializer.collect_map(metrics.map(|metric| (&metric.name, timed(metric))))
    }
}

#[derive(Serialize)]
struct JsonMetric<'a> {
    name: &'a str,
    r#type: &'static str,
    description: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantiles: Option<&'a [f64]>,
    samples: Vec<JsonSample<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statistics: Vec<JsonStatistics<'a>>,
}

impl<'a> JsonMetric<'a> {
    fn new(metric: &'a MetricSnapshot, time: UnixTime) -> Self {
        let descriptor = &*metric.descriptor;
        let of_kind = |kind, list: &'a [f64]| (descriptor.kind == kind).then_some(list);
        let series = metric.series.iter();
        let samples = series.clone().flat_map(|series| samples(series, time));
        Self {
            name: &metric.name,
            r#type: descriptor.kind.as_str(),
            description: &descriptor.help,
            unit: &descriptor.unit,
            buckets: of_kind(MetricKind::Histogram, &descriptor.buckets),
            quantiles: of_kind(MetricKind::Summary, &descriptor.quantiles),
            samples: samples.collect(),
            statistics: series.filter_map(statistics).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonSample<'a> {
    labels: JsonLabels<'a>,
    value: f64,
    /// Seconds since the Unix epoch.
    timestamp: f64,
    #[serde(rename = "_type", skip_serializing_if = "Option::is_none")]
    part: Option<&'static str>,
}

/// A series' labels and the one that tells its samples apart.
struct JsonLabels<'a> {
    series: &'a [(String, String)],
    extra: Option<(&'static str, Number)>,
}

impl Serialize for JsonLabels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.series {
            map.serialize_entry(name, value)?;
        }
        if let Some((name, value)) = self.extra {
            map.serialize_entry(name, &value.to_string())?;
        }
        map.end()
    }
}

/// Statistics of one distribution, with estimated percentiles.
#[derive(Serialize)]
struct JsonStatistics<'a> {
    labels: JsonLabels<'a>,
    count: u64,
    sum: f64,
    avg: f64,
    min: f64,
    max: f64,
    p50: f64,
    p90: f64,
    p99: f64,
}

fn samples(series: &SeriesSnapshot, time: UnixTime) -> Vec<JsonSample<'_>> {
    let sample = |extra, value, part| JsonSample {
        labels: JsonLabels { series: &series.labels, extra },
        value,
        timestamp: time.as_secs_f64(),
        part,
    };
    let (distribution, mut samples) = match &series.value {
        SeriesValue::Counter(value) | SeriesValue::Gauge(value) => {
            return vec![sample(None, *value, None)];
        }
        SeriesValue::Histogram(distribution) => {
            let buckets = distribution.buckets.iter();
            let buckets = buckets.map(|(bound, n)| sample(Some(("le", Number(*bound))), *n as f64, None));
            (distribution, buckets.collect::<Vec<_>>())
        }
        SeriesValue::Summary(distribution) => {
            let known = distribution.quantiles.iter();
            let known = known.filter_map(|(q, value)| value.map(|value| (*q, value)));
            let quantiles = known.map(|(q, value)| sample(Some(("quantile", Number(q))), value, None));
            (distribution, quantiles.collect())
        }
    };
    samples.push(sample(None, distribution.sum, Some("sum")));
    samples.push(sample(None, distribution.count as f64, Some("count")));
    samples
}

fn statistics(series: &SeriesSnapshot) -> Option<JsonStatistics<'_>> {
    let (SeriesValue::Histogram(distribution) | SeriesValue::Summary(distribution)) = &series.value else {
        return None;
    };
    let Statistics { count, sum, avg, min, max, p50, p90, p99 } = distribution.statistics?;
    let labels = JsonLabels { series: &series.labels, extra: None };
    Some(JsonStatistics { labels, count, sum, avg, min, max, p50, p90, p99 })
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
