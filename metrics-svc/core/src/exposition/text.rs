//! The text formats: Prometheus 0.0.4, and OpenMetrics 1.0 where it differs.

use std::fmt::{Result, Write};

use super::number::{Canonical, Number};
use crate::{Distribution, MetricKind, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot};

/// Media type of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Media type of [`open_metrics`].
pub const OPEN_METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes every metric of the snapshot in the Prometheus text format 0.0.4. Samples carry no timestamp: the scraper
/// sets it.
///
/// # Errors
/// Those of `out`.
pub fn text(snapshot: &Snapshot, out: &mut impl Write) -> Result {
    snapshot.metrics.iter().try_for_each(|metric| write_metric(metric, Dialect::Prometheus, out))
}

/// Writes every metric of the snapshot in the format OpenMetrics 1.0, with the mark of its end. It has no words for
/// negative sums and quantiles, which are left out.
///
/// # Errors
/// Those of `out`.
pub fn open_metrics(snapshot: &Snapshot, out: &mut impl Write) -> Result {
    snapshot.metrics.iter().try_for_each(|metric| write_metric(metric, Dialect::OpenMetrics, out))?;
    out.write_str("# EOF\n")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Prometheus,
    OpenMetrics,
}

fn write_metric(metric: &MetricSnapshot, dialect: Dialect, out: &mut impl Write) -> Result {
    let descriptor = &metric.descriptor;
    let total = dialect == Dialect::OpenMetrics && descriptor.kind == MetricKind::Counter;
    let name = match metric.name.strip_suffix("_total") {
        Some(stem) if total => stem,
        _ => &metric.name,
    };
    write!(out, "# HELP {name} ")?;
    write_escaped(&descriptor.help, dialect == Dialect::OpenMetrics, out)?;
    writeln!(out, "\n# TYPE {name} {}", descriptor.kind)?;
    if dialect == Dialect::OpenMetrics && has_unit(name, &descriptor.unit) {
        writeln!(out, "# UNIT {name} {}", descriptor.unit)?;
    }
    let suffix = if total { "_total" } else { "" };
    metric.series.iter().try_for_each(|series| Lines { name, series, dialect }.write(suffix, out))
}

fn has_unit(name: &str, unit: &str) -> bool {
    !unit.is_empty() && name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}

/// The samples of one series.
struct Lines<'a> {
    name: &'a str,
    series: &'a SeriesSnapshot,
    dialect: Dialect,
}

impl Lines<'_> {
    /// Writes them all; `suffix` is that of a single value.
    fn write(&self, suffix: &str, out: &mut impl Write) -> Result {
        match &self.series.value {
            SeriesValue::Counter(value) | SeriesValue::Gauge(value) => self.line(suffix, None, *value, out),
            SeriesValue::Histogram(distribution) => {
                for (bound, count) in &distribution.buckets {
                    self.line("_bucket", Some(("le", *bound)), *count as f64, out)?;
                }
                self.totals(distribution, out)
            }
            SeriesValue::Summary(distribution) => {
                for (quantile, value) in &distribution.quantiles {
                    let value = value.unwrap_or(f64::NAN);
                    if self.dialect == Dialect::Prometheus || value.is_nan() || value >= 0.0 {
                        self.line("", Some(("quantile", *quantile)), value, out)?;
                    }
                }
                self.totals(distribution, out)
            }
        }
    }

    fn totals(&self, distribution: &Distribution, out: &mut impl Write) -> Result {
        let negative = distribution.sum < 0.0 || distribution.buckets.iter().any(|(bound, _)| *bound < 0.0);
        if self.dialect == Dialect::OpenMetrics && negative {
            return Ok(());
        }
        self.line("_sum", None, distribution.sum, out)?;
        self.line("_count", None, distribution.count as f64, out)
    }

    fn line(&self, suffix: &str, extra: Option<(&str, f64)>, value: f64, out: &mut impl Write) -> Result {
        write!(out, "{}{suffix}", self.name)?;
        self.labels(extra, out)?;
        writeln!(out, " {}", Number(value))
    }

    fn labels(&self, extra: Option<(&str, f64)>, out: &mut impl Write) -> Result {
        let mut separator = '{';
        for (name, value) in &self.series.labels {
            write!(out, "{separator}{name}=\"")?;
            write_escaped(value, true, out)?;
            out.write_char('"')?;
            separator = ',';
        }
        if let Some((name, value)) = extra {
            match self.dialect {
                Dialect::Prometheus => write!(out, "{separator}{name}=\"{}\"", Number(value))?,
                Dialect::OpenMetrics => write!(out, "{separator}{name}=\"{}\"", Canonical(value))?,
            }
            separator = ',';
        }
        if separator == ',' {
            out.write_char('}')?;
        }
        Ok(())
    }
}

/// Escapes backslashes and line feeds, and quotes where they would end the text.
fn write_escaped(text: &str, quotes: bool, out: &mut impl Write) -> Result {
    for character in text.chars() {
        match character {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '"' if quotes => out.write_str("\\\"")?,
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
