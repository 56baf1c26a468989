//! What the ingest tells about itself.

use std::{sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use vision_metrics::{Metric, Registry};

use super::{producer::ProducerTable, rejection::Rejections, wire::Batch};

/// Upper bounds of the duration of one batch, in seconds.
const BATCH_SECONDS: [f64; 8] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.1, 1.0];

/// Metrics and producers that are told by name, those with the most first.
const OFFENDERS: usize = 10;

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
            rejections: counter(meter, "rejections", "Parts of batches not applied as they were sent."),
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
    pub(super) fn batch(&self, batch: &Batch<'_>, rejections: &Rejections, took: Duration) {
        self.batches.add(1, &[]);
        self.events.add((batch.events().len() + batch.samples().value_count()) as u64, &[]);
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
    observe(meter, "series", "Series in memory.", registry, |registry| registry.series_count());
    observe(meter, "retired_series", "Expired series kept aside until they return.", registry, |registry| {
        registry.retired_count()
    });
    observe(meter, "producers", "Producers seen.", producers, |producers| producers.len());
    observe_largest(meter, registry, producers);
    observe_overflow(meter, registry);
}

fn observe<T: Send + Sync + 'static>(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    observed: &Arc<T>,
    size: fn(&T) -> usize,
) {
    let observed = Arc::clone(observed);
    meter
        .u64_observable_gauge(name)
        .with_description(description)
        .with_callback(move |gauge| gauge.observe(size(&observed) as u64, &[]))
        .build();
}

/// Who makes the most series.
fn observe_largest(meter: &Meter, registry: &Arc<Registry>, producers: &Arc<ProducerTable>) {
    let registry = Arc::clone(registry);
    meter
        .u64_observable_gauge("metric_series")
        .with_description("Series of the metrics that have the most.")
        .with_callback(move |gauge| {
            for (metric, series) in largest(&registry, |metric| metric.series_count() as u64) {
                gauge.observe(series, &[KeyValue::new("metric", metric)]);
            }
        })
        .build();
    let producers = Arc::clone(producers);
    meter
        .u64_observable_gauge("producer_series")
        .with_description("Series made by the producers that have made the most.")
        .with_callback(move |gauge| {
            for (producer, series) in producers.largest(OFFENDERS) {
                gauge.observe(series as u64, &[KeyValue::new("producer", producer)]);
            }
        })
        .build();
}

/// Whose samples find no series of their own.
fn observe_overflow(meter: &Meter, registry: &Arc<Registry>) {
    let registry = Arc::clone(registry);
    meter
        .u64_observable_counter("overflowed_samples")
        .with_description("Samples counted under __overflow__, of the metrics that have the most.")
        .with_callback(move |counter| {
            for (metric, samples) in largest(&registry, Metric::overflowed) {
                counter.observe(samples, &[KeyValue::new("metric", metric)]);
            }
        })
        .build();
}

/// Names of the metrics with the most of something, and how much.
fn largest(registry: &Registry, size: impl Fn(&Metric) -> u64) -> Vec<(String, u64)> {
    let metrics = registry.metrics();
    let sizes = metrics.iter().map(|metric| (metric.descriptor().name.as_str(), size(metric)));
    let mut sizes: Vec<_> = sizes.filter(|(_, size)| *size > 0).collect();
    sizes.sort_unstable_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
    sizes.into_iter().take(OFFENDERS).map(|(name, size)| (name.to_owned(), size)).collect()
}
