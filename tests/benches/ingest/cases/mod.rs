//! What is measured, each case on its own.

pub(crate) mod durable;
pub(crate) mod events;
pub(crate) mod packed;
pub(crate) mod scrape;
pub(crate) mod series;
pub(crate) mod streams;

use vision_proto::metrics::v1::MetricKind;

/// Series that most cases write to.
const SERIES: usize = 1000;
/// Events in a batch.
const BATCH: usize = 500;

/// The kind's name.
fn name(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        _ => "counter",
    }
}
