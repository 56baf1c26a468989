//! Which text format a reader prefers.

use axum::http::{HeaderMap, header};
use vision_metrics::exposition;

/// A text format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFormat {
    Prometheus,
    OpenMetrics,
}

impl TextFormat {
    /// The format that the `Accept` headers prefer; Prometheus' own when they do not say.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
        let best = |matches: fn(&Range<'_>) -> bool| {
            let weights = ranges.iter().filter(|range| matches(range)).map(|range| range.weight);
            weights.max_by(f64::total_cmp)
        };
        let open = best(|range| {
            range.media == "application/openmetrics-text" && range.version.is_none_or(|v| v == "1.0.0")
        });
        let plain = best(|range| range.media == "text/plain");
        let anything = best(|range| range.media == "*/*" || range.media == "text/*");
        match (open, plain) {
            (None, _) => Self::Prometheus,
            (Some(open), Some(plain)) if open > plain => Self::OpenMetrics,
            (Some(_), Some(_)) => Self::Prometheus,
            // Who names a format wants it rather than any other.
            (Some(open), None) if open > 0.0 && open >= anything.unwrap_or(0.0) => Self::OpenMetrics,
            (Some(_), None) => Self::Prometheus,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => exposition::TEXT_CONTENT_TYPE,
            Self::OpenMetrics => exposition::OPEN_METRICS_CONTENT_TYPE,
        }
    }
}

/// One entry of an `Accept` header.
struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    /// In 0..=1; 0: not at all.
    weight: f64,
}

impl<'a> Range<'a> {
    /// `None` if it is malformed.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self { media: parts.next()?, version: None, weight: 1.0 };
        for parameter in parts {
            match parameter.split_once('=')? {
                ("q", weight) => range.weight = weight.parse().ok()?,
                ("version", version) => range.version = Some(version.trim_matches('"')),
                _ => {}
            }
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn accepted(accept: &[&str]) -> TextFormat {
        let headers = accept.iter().map(|value| (header::ACCEPT, value.parse().unwrap()));
        TextFormat::accepted(&headers.collect())
    }

    #[test]
    fn open_metrics_is_for_those_who_prefer_it() {
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text, */*",
        ] {
            assert_eq!(accepted(&[accept]), TextFormat::OpenMetrics, "{accept}");
        }
        assert_eq!(
            accepted(&["text/plain;q=0.1", "application/openmetrics-text;q=0.2"]),
            TextFormat::OpenMetrics
        );
    }

    #[test]
    fn everybody_else_gets_prometheus_text() {
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.8",
            "text/plain, application/openmetrics-text;q=0.9",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=x",
        ] {
            assert_eq!(accepted(&[accept]), TextFormat::Prometheus, "{accept}");
        }
        assert_eq!(accepted(&[]), TextFormat::Prometheus);
    }
}
