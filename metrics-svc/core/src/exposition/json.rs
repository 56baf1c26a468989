//! The JSON form: metrics by name, samples as the text format has them.

use std::{borrow::Cow, iter::FusedIterator};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{CHUNK_BYTES, number};
use crate::{
    Labels, MetricKind, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot, Statistics, UnixTime,
    snapshot::Cursor,
};

/// Every metric of the snapshot.
#[must_use]
pub fn json(snapshot: &Snapshot) -> String {
    let mut page = String::new();
    let mut at = Position::default();
    while !at.write(snapshot, usize::MAX, &mut page) {}
    page
}

/// The same in chunks of about 64 KiB, each made when it is asked for.
#[must_use]
pub fn json_chunks(snapshot: Snapshot) -> JsonChunks {
    JsonChunks { snapshot, at: Position::default(), ended: false }
}

/// Chunks of a page of JSON.
#[derive(Debug)]
pub struct JsonChunks {
    snapshot: Snapshot,
    at: Position,
    ended: bool,
}

impl Iterator for JsonChunks {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.ended {
            return None;
        }
        let mut chunk = String::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        self.ended = self.at.write(&self.snapshot, CHUNK_BYTES, &mut chunk);
        Some(chunk)
    }
}

impl FusedIterator for JsonChunks {}

/// How much of a snapshot is written.
#[derive(Debug, Default)]
struct Position {
    metric: usize,
    part: Part,
    /// Whether the list that is being written has an entry.
    listed: bool,
}

/// The part of a metric that comes next.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Head,
    Samples(Cursor),
    Statistics(Cursor),
}

impl Position {
    /// Writes on until `out` holds `limit` bytes or nothing is left; whether that is so.
    fn write(&mut self, snapshot: &Snapshot, limit: usize, out: &mut String) -> bool {
        while let Some(metric) = snapshot.metrics.get(self.metric) {
            self.write_part(metric, snapshot.time, limit, out);
            if out.len() >= limit {
                return false;
            }
        }
        out.push_str(if snapshot.metrics.is_empty() { "{}" } else { "}" });
        true
    }

    fn write_part(&mut self, metric: &MetricSnapshot, time: UnixTime, limit: usize, out: &mut String) {
        let has_statistics = matches!(metric.descriptor.kind, MetricKind::Histogram | MetricKind::Summary);
        self.part = match self.part {
            Part::Head => {
                out.push(if self.metric == 0 { '{' } else { ',' });
                write_head(metric, out);
                self.listed = false;
                Part::Samples(Cursor::default())
            }
            Part::Samples(mut cursor) => {
                if !self.list(metric, &mut cursor, limit, out, |series| samples(series, time)) {
                    Part::Samples(cursor)
                } else if has_statistics {
                    out.push_str("],\"statistics\":[");
                    self.listed = false;
                    Part::Statistics(Cursor::default())
                } else {
                    self.end_metric(out)
                }
            }
            Part::Statistics(mut cursor) => {
                if self.list(metric, &mut cursor, limit, out, statistics) {
                    self.end_metric(out)
                } else {
                    Part::Statistics(cursor)
                }
            }
        };
    }

    fn end_metric(&mut self, out: &mut String) -> Part {
        out.push_str("]}");
        self.metric += 1;
        Part::Head
    }

    /// Lists what `items` makes of the series from the cursor on, until `out` holds `limit` bytes; whether it got to
    /// the last.
    fn list<'a, T: Serialize>(
        &mut self,
        metric: &'a MetricSnapshot,
        cursor: &mut Cursor,
        limit: usize,
        out: &mut String,
        items: impl Fn(&SeriesSnapshot<'a>) -> Vec<T>,
    ) -> bool {
        while out.len() < limit {
            let Some(series) = metric.next_series(cursor) else {
                return true;
            };
            for item in items(&series) {
                if std::mem::replace(&mut self.listed, true) {
                    out.push(',');
                }
                push(&item, out);
            }
        }
        false
    }
}

/// Writes a value that has nothing in it which JSON cannot say.
fn push(value: &impl Serialize, out: &mut String) {
    match serde_json::to_string(value) {
        Ok(text) => out.push_str(&text),
        // A map whose keys are strings: serde_json has no reason to refuse it.
        Err(_) => out.push_str("null"),
    }
}

#[derive(Serialize)]
struct JsonHead<'a> {
    name: &'a str,
    r#type: &'static str,
    description: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantiles: Option<&'a [f64]>,
}

/// Writes a metric up to the start of its list of samples.
fn write_head(metric: &MetricSnapshot, out: &mut String) {
    let descriptor = &*metric.descriptor;
    let of_kind = |kind, list| Some(list).filter(|_| descriptor.kind == kind);
    let head = JsonHead {
        name: &metric.name,
        r#type: descriptor.kind.as_str(),
        description: &descriptor.help,
        unit: &descriptor.unit,
        buckets: of_kind(MetricKind::Histogram, &*descriptor.buckets),
        quantiles: of_kind(MetricKind::Summary, &*descriptor.quantiles),
    };
    push(&metric.name, out);
    out.push(':');
    push(&head, out);
    // The object goes on.
    out.truncate(out.len() - 1);
    out.push_str(",\"samples\":[");
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
    series: &'a Labels,
    extra: Option<(&'static str, f64)>,
}

impl Serialize for JsonLabels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = self.series.iter();
        let extra = self.extra.map(|(name, value)| (name, Cow::Owned(number::text(value))));
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in own.chain(extra) {
            map.serialize_entry(name, &value)?;
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
    collapsed: u64,
}

fn samples<'a>(series: &SeriesSnapshot<'a>, time: UnixTime) -> Vec<JsonSample<'a>> {
    let sample = |extra, value, part| JsonSample {
        labels: JsonLabels { series: series.labels, extra },
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
            let buckets = buckets.map(|(bound, n)| sample(Some(("le", *bound)), *n as f64, None));
            (distribution, buckets.collect::<Vec<_>>())
        }
        SeriesValue::Summary(distribution) => {
            let known = distribution.quantiles.iter();
            let known = known.filter_map(|(q, value)| value.map(|value| (*q, value)));
            let quantiles = known.map(|(q, value)| sample(Some(("quantile", q)), value, None));
            (distribution, quantiles.collect())
        }
    };
    samples.push(sample(None, distribution.sum, Some("sum")));
    samples.push(sample(None, distribution.count as f64, Some("count")));
    samples
}

fn statistics<'a>(series: &SeriesSnapshot<'a>) -> Vec<JsonStatistics<'a>> {
    let (SeriesValue::Histogram(distribution) | SeriesValue::Summary(distribution)) = &series.value else {
        return Vec::new();
    };
    let labels = JsonLabels { series: series.labels, extra: None };
    let known = distribution.statistics.map(|known| {
        let Statistics { count, sum, avg, min, max, p50, p90, p99, collapsed } = known;
        JsonStatistics { labels, count, sum, avg, min, max, p50, p90, p99, collapsed }
    });
    known.into_iter().collect()
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
