//! The Prometheus text format 0.0.4.

use std::fmt::{Result, Write};

use super::number::Number;
use crate::{Distribution, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot};

/// Media type of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes every metric of the snapshot. Samples carry no timestamp: the scraper sets it.
///
/// # Errors
/// Those of `out`.
pub fn text(snapshot: &Snapshot, out: &mut impl Write) -> Result {
    for metric in &snapshot.metrics {
        write_metric(metric, out)?;
    }
    Ok(())
}

fn write_metric(metric: &MetricSnapshot, out: &mut impl Write) -> Result {
    let name = &metric.name;
    write!(out, "# HELP {name} ")?;
    write_escaped(&metric.descriptor.help, false, out)?;
    writeln!(out, "\n# TYPE {name} {}", metric.descriptor.kind)?;
    for series in &metric.series {
        write_series(name, series, out)?;
    }
    Ok(())
}

fn write_series(name: &str, series: &SeriesSnapshot, out: &mut impl Write) -> Result {
    let mut line = |suffix: &str, extra: Option<(&str, f64)>, value: f64| {
        write!(out, "{name}{suffix}")?;
        write_labels(series, extra, out)?;
        writeln!(out, " {}", Number(value))
    };
    match &series.value {
        SeriesValue::Counter(value) | SeriesValue::Gauge(value) => line("", None, *value),
        SeriesValue::Histogram(distribution) => {
            for (bound, count) in &distribution.buckets {
                line("_bucket", Some(("le", *bound)), *count as f64)?;
            }
            totals(distribution, line)
        }
        SeriesValue::Summary(distribution) => {
            for (quantile, value) in &distribution.quantiles {
                let value = value.unwrap_or(f64::NAN);
                line("", Some(("quantile", *quantile)), value)?;
            }
            totals(distribution, line)
        }
    }
}

fn totals(
    distribution: &Distribution,
    mut line: impl FnMut(&str, Option<(&str, f64)>, f64) -> Result,
) -> Result {
    line("_sum", None, distribution.sum)?;
    line("_count", None, distribution.count as f64)
}

fn write_labels(series: &SeriesSnapshot, extra: Option<(&str, f64)>, out: &mut impl Write) -> Result {
    let mut separator = '{';
    for (name, value) in &series.labels {
        write!(out, "{separator}{name}=\"")?;
        write_escaped(value, true, out)?;
        out.write_char('"')?;
        separator = ',';
    }
    if let Some((name, value)) = extra {
        write!(out, "{separator}{name}=\"{}\"", Number(value))?;
        separator = ',';
    }
    if separator == ',' {
        out.write_char('}')?;
    }
    Ok(())
}

/// Escapes backslashes and line feeds, and in label values quotes.
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
