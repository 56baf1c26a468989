//! What the ingest tells about itself.

use std::{sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use vision_metrics::Registry;
use vision_proto::metrics::v1::RecordRequest;

use super::{producer::ProducerTable, rejection::Rejections};

/// Upper bounds of the duration of one batch, in seconds.
const BATCH_SECONDS: [f64; 8] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.1, 1.0];

/// Instruments of the ingest.
#[derive(Debug)]
pub(super) struct IngestTelemetry {
    batches: Counter<u64>,
    events: Counter<u64>,
    rejections: Counter<u64>,
    open_streams: UpDownCounter<i64>,
    duration: Histogram<f64>,
}

impl IngestTelemetry {
    pub(super) fn new(meter: &Meter, registry: &Arc<Registry>, producers: &Arc<ProducerTable>) -> Self {
        observe_sizes(meter, registry, producers);
        Self {
            batches: counter(meter, "batches", "Batches applied."),
            events: counter(meter, "events", "Events and packed samples received."),
            rejections: counter(meter, "rejections", "Parts of batches not applied."),
            open_streams: meter
                .i64_up_down_counter("open_streams")
                .with_description("Record streams open.")
                .build(),
            duration: meter
                .f64_histogram("batch_duration")
                .with_unit("s")
                .with_boundaries(BATCH_SECONDS.to_vec())
                .with_description("Time to apply one batch.")
                .build(),
        }
    }

    /// Counts one applied batch.
    pub(super) fn batch(&self, request: &RecordRequest, rejections: &Rejections, took: Duration) {
        let packed = request.samples.as_ref().map_or(0, |s| s.value.len());
        self.batches.add(1, &[]);
        self.events.add((request.events.len() + packed) as u64, &[]);
        self.duration.record(took.as_secs_f64(), &[]);
        for (reason, count) in rejections.by_reason() {
            self.rejections.add(count, &[KeyValue::new("reason", reason)]);
        }
    }

    pub(super) fn stream_opened(&self) -> OpenStream {
        self.open_streams.add(1, &[]);
        OpenStream(self.open_streams.clone())
    }
}

/// Counts a stream as closed when dropped.
pub(super) struct OpenStream(UpDownCounter<i64>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

fn counter(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    let builder = meter.u64_counter(name);
    builder.with_description(description).build()
}

/// Reads the sizes whenever the page is scraped.
fn observe_sizes(meter: &Meter, registry: &Arc<Registry>, producers: &Arc<ProducerTable>) {
    let counted = Arc::clone(registry);
    meter
        .u64_observable_gauge("series")
        .with_description("Series in memory.")
        .with_callback(move |gauge| gauge.observe(counted.series_count() as u64, &[]))
        .build();
    let registry = Arc::clone(registry);
    meter
        .u64_observable_gauge("overflowed")
        .with_description("Metrics that have had more series than there was room for; always 1.")
        .with_callback(move |gauge| {
            for metric in registry.overflowed() {
                gauge.observe(1, &[KeyValue::new("metric", metric)]);
            }
        })
        .build();
    let producers = Arc::clone(producers);
    meter
        .u64_observable_gauge("producers")
        .with_description("Producers seen.")
        .with_callback(move |gauge| gauge.observe(producers.len() as u64, &[]))
        .build();
}
