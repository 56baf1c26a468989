//! Which text format a reader prefers, as Prometheus asks for it
//! (<https://prometheus.io/docs/instrumenting/content_negotiation/>).

use axum::http::{HeaderMap, HeaderValue, header};
use vision_metrics::exposition::TextFormat;

/// Content type of OpenMetrics for those who ask for names in a certain form: ours are plain in every form.
const OPEN_METRICS_ESCAPED: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

/// What a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) format: TextFormat,
    /// Whether the reader asks how names are escaped, and so is told.
    escaping: bool,
}

impl Accepted {
    /// Prometheus text, which everybody reads.
    const DEFAULT: Self = Self { format: TextFormat::Prometheus, escaping: false };

    /// What the `Accept` headers prefer; the default when they do not say, or want nothing that there is.
    pub(super) fn by(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
        let best = |matches: fn(&Range<'_>) -> bool| {
            let ranges = ranges.iter().filter(|range| matches(range));
            ranges.max_by(|a, b| a.weight.total_cmp(&b.weight))
        };
        let Some(open) = best(|range| range.is("application/openmetrics-text", "1.0.0")) else {
            return Self::DEFAULT;
        };
        let plain = best(|range| range.is("text/plain", "0.0.4"));
        let anything = best(|range| range.media == "*/*" || range.media == "text/*");
        let preferred = match plain {
            Some(plain) => open.weight > plain.weight,
            // Who names a format wants it rather than any other.
            None => open.weight > 0.0 && anything.is_none_or(|anything| open.weight >= anything.weight),
        };
        match preferred {
            true => Self { format: TextFormat::OpenMetrics, escaping: open.escaping },
            false => Self::DEFAULT,
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.format, self.escaping) {
            (TextFormat::OpenMetrics, true) => OPEN_METRICS_ESCAPED,
            (format, _) => format.content_type(),
        })
    }
}

/// One entry of an `Accept` header.
struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    escaping: bool,
    /// In 0..=1; 0: not at all.
    weight: f64,
}

impl<'a> Range<'a> {
    /// `None` if it is malformed.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self { media: parts.next()?, version: None, escaping: false, weight: 1.0 };
        for parameter in parts {
            match parameter.split_once('=')? {
                ("q", weight) => range.weight = weight.parse().ok()?,
                ("version", version) => range.version = Some(version.trim_matches('"')),
                ("escaping", _) => range.escaping = true,
                _ => {}
            }
        }
        Some(range)
    }

    /// Whether it names this format, of this version or any.
    fn is(&self, media: &str, version: &str) -> bool {
        self.media == media && self.version.is_none_or(|wanted| wanted == version)
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
