//! The text formats: Prometheus 0.0.4, and OpenMetrics 1.0 where it differs.

use std::{fmt::Write as _, iter::FusedIterator, time::Duration};

use super::{
    CHUNK_BYTES,
    number::{self, canonical},
};
use crate::{
    Distribution, Exemplar, MetricKind, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot,
    labels::escape, reading::PlainRun, snapshot::Cursor,
};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0: with exemplars, times of creation and a mark of the end. It has no words for negative sums
    /// and quantiles, which are left out.
    OpenMetrics,
}

impl TextFormat {
    /// The format's media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Every metric of the snapshot. Samples carry no timestamp: the scraper sets it.
#[must_use]
pub fn text(snapshot: &Snapshot, format: TextFormat) -> String {
    let mut page = String::new();
    let mut at = Position::default();
    while !at.write(snapshot, format, usize::MAX, &mut page) {}
    page
}

/// The same in chunks of about 64 KiB, each made when it is asked for.
#[must_use]
pub fn text_chunks(snapshot: Snapshot, format: TextFormat) -> TextChunks {
    TextChunks { snapshot, format, at: Position::default(), ended: false }
}

/// Chunks of a page of text.
#[derive(Debug)]
pub struct TextChunks {
    snapshot: Snapshot,
    format: TextFormat,
    at: Position,
    ended: bool,
}

impl Iterator for TextChunks {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.ended {
            return None;
        }
        let mut chunk = String::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        self.ended = self.at.write(&self.snapshot, self.format, CHUNK_BYTES, &mut chunk);
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }
}

impl FusedIterator for TextChunks {}

/// How much of a snapshot is written.
#[derive(Debug, Default)]
struct Position {
    metric: usize,
    /// `None` before the metric's head.
    series: Option<Cursor>,
    bounds: Bounds,
}

impl Position {
    /// Writes on until `out` holds `limit` bytes or nothing is left; whether that is so.
    fn write(&mut self, snapshot: &Snapshot, format: TextFormat, limit: usize, out: &mut String) -> bool {
        while let Some(metric) = snapshot.metrics.get(self.metric) {
            let name = sample_name(metric, format);
            let mut cursor = self.series.unwrap_or_else(|| {
                write_head(metric, name, format, out);
                Cursor::default()
            });
            let mut lines = Lines { name, format, bounds: &mut self.bounds, out };
            while lines.out.len() < limit {
                if let Some(run) = metric.plain_run(cursor) {
                    cursor.skip(lines.plain(metric.descriptor.kind, run, limit));
                } else if let Some(series) = metric.next_series(&mut cursor) {
                    lines.series(&series);
                } else {
                    break;
                }
            }
            if out.len() >= limit {
                self.series = Some(cursor);
                return false;
            }
            (self.metric, self.series) = (self.metric + 1, None);
        }
        if format == TextFormat::OpenMetrics {
            out.push_str("# EOF\n");
        }
        true
    }
}

/// OpenMetrics gives a counter the name without the suffix of its sample.
fn sample_name(metric: &MetricSnapshot, format: TextFormat) -> &str {
    let bare = format == TextFormat::OpenMetrics && metric.descriptor.kind == MetricKind::Counter;
    let stem = metric.name.strip_suffix("_total").filter(|_| bare);
    stem.unwrap_or(&metric.name)
}

fn write_head(metric: &MetricSnapshot, name: &str, format: TextFormat, out: &mut String) {
    let descriptor = &metric.descriptor;
    let open = format == TextFormat::OpenMetrics;
    for part in ["# HELP ", name, " "] {
        out.push_str(part);
    }
    escape(&descriptor.help, open, out);
    for part in ["\n# TYPE ", name, " ", descriptor.kind.as_str(), "\n"] {
        out.push_str(part);
    }
    if open && has_unit(name, &descriptor.unit) {
        for part in ["# UNIT ", name, " ", &descriptor.unit, "\n"] {
            out.push_str(part);
        }
    }
}

fn has_unit(name: &str, unit: &str) -> bool {
    !unit.is_empty() && name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}

/// Bounds of buckets and quantiles as the format writes them: those of one series are those of the next.
#[derive(Debug, Default)]
struct Bounds(Vec<(f64, String)>);

impl Bounds {
    fn text(&mut self, index: usize, bound: f64, format: TextFormat) -> &str {
        if index >= self.0.len() {
            self.0.resize(index + 1, (f64::NAN, String::new()));
        }
        let (known, text) = &mut self.0[index];
        if *known != bound {
            *known = bound;
            *text = match format {
                TextFormat::Prometheus => number::text(bound),
                TextFormat::OpenMetrics => canonical(bound),
            };
        }
        text
    }
}

/// Times of creation as lines end with them: many series begin at the same time.
#[derive(Debug, Default)]
struct Since {
    millis: u64,
    text: String,
}

impl Since {
    fn text(&mut self, millis: u64) -> &str {
        if self.millis != millis {
            self.millis = millis;
            self.text.clear();
            number::push_line(Duration::from_millis(millis).as_secs_f64(), &mut self.text);
        }
        &self.text
    }
}

/// Writes the samples of a metric's series.
struct Lines<'a> {
    name: &'a str,
    format: TextFormat,
    bounds: &'a mut Bounds,
    out: &'a mut String,
}

impl Lines<'_> {
    fn series(&mut self, series: &SeriesSnapshot<'_>) {
        let (labels, braced) = (series.labels.as_str(), series.labels.in_braces());
        match &series.value {
            SeriesValue::Counter(total) => {
                let suffix = if self.is_open() { "_total" } else { "" };
                self.line(suffix, braced, *total);
                self.exemplar(series.exemplars.first());
                self.created(series);
            }
            SeriesValue::Gauge(value) => self.line("", braced, *value),
            SeriesValue::Histogram(distribution) => {
                for (index, (bound, count)) in distribution.buckets.iter().enumerate() {
                    self.bounded("_bucket", labels, "le", index, *bound, *count as f64);
                    self.exemplar(series.exemplars.get(index));
                }
                self.totals(series, distribution);
            }
            SeriesValue::Summary(distribution) => {
                for (index, (quantile, value)) in distribution.quantiles.iter().enumerate() {
                    let value = value.unwrap_or(f64::NAN);
                    if !self.is_open() || value.is_nan() || value >= 0.0 {
                        self.bounded("", labels, "quantile", index, *quantile, value);
                    }
                }
                self.totals(series, distribution);
            }
        }
    }

    /// Writes counters or gauges that have nothing but a value, until there are `limit` bytes; returns how many. What
    /// is the same for all of them is put together once.
    fn plain(&mut self, kind: MetricKind, run: PlainRun<'_>, limit: usize) -> usize {
        let created = self.is_open() && kind == MetricKind::Counter;
        let head = format!("{}{}", self.name, if created { "_total" } else { "" });
        let created_head = format!("{}_created", self.name);
        let mut since = Since::default();
        let mut written = 0;
        for ((labels, time), value) in run.labels.iter().zip(run.created).zip(run.values) {
            let labels = labels.in_braces();
            self.out.push_str(&head);
            self.out.push_str(labels);
            number::push_line(*value, self.out);
            if created && *time > 0 {
                for part in [&*created_head, labels, since.text(*time)] {
                    self.out.push_str(part);
                }
            }
            written += 1;
            if self.out.len() >= limit {
                break;
            }
        }
        written
    }

    fn is_open(&self) -> bool {
        self.format == TextFormat::OpenMetrics
    }

    fn totals(&mut self, series: &SeriesSnapshot<'_>, distribution: &Distribution) {
        let negative = distribution.sum < 0.0 || distribution.buckets.iter().any(|(bound, _)| *bound < 0.0);
        let labels = series.labels.in_braces();
        if !(self.is_open() && negative) {
            self.line("_sum", labels, distribution.sum);
            self.line("_count", labels, distribution.count as f64);
        }
        self.created(series);
    }

    fn created(&mut self, series: &SeriesSnapshot<'_>) {
        if self.is_open()
            && let Some(created) = series.created
        {
            self.line("_created", series.labels.in_braces(), created.as_secs_f64());
        }
    }

    /// A sample that the series' own labels name, which come with their braces.
    fn line(&mut self, suffix: &str, labels: &str, value: f64) {
        for part in [self.name, suffix, labels] {
            self.out.push_str(part);
        }
        number::push_line(value, self.out);
    }

    /// A sample of a bucket or a quantile.
    fn bounded(&mut self, suffix: &str, labels: &str, label: &str, index: usize, bound: f64, value: f64) {
        let separator = if labels.is_empty() { "" } else { "," };
        let bound = self.bounds.text(index, bound, self.format);
        for part in [self.name, suffix, "{", labels, separator, label, "=\"", bound, "\"}"] {
            self.out.push_str(part);
        }
        number::push_line(value, self.out);
    }

    /// Puts an exemplar at the end of the line before.
    fn exemplar(&mut self, exemplar: Option<&Option<Exemplar>>) {
        let Some(Some(exemplar)) = exemplar.filter(|_| self.is_open()) else {
            return;
        };
        self.out.truncate(self.out.len() - 1);
        // A string takes everything.
        let _ = write!(self.out, " # {{trace_id=\"{:032x}\"}} ", u128::from_be_bytes(exemplar.trace_id));
        number::push(exemplar.value, self.out);
        self.out.push(' ');
        number::push(exemplar.time.as_secs_f64(), self.out);
        self.out.push('\n');
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
