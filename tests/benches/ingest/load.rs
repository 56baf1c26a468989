//! What a stream sends, encoded before anything is timed.

use bytes::Bytes;
use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use vision_proto::metrics::v1::{MetricDescriptor, MetricKind, RecordRequest, Samples, SeriesDefinition};

use crate::wire::{Event, Events, Label};

/// Values in all batches of a load together, at least.
const LEAST_VALUES: usize = 50_000;
const SEED: u64 = 7;
const LABEL_NAMES: [&str; 3] = ["model", "class", "stream"];

/// The batches of a stream, sent in rotation.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Declares the metric and defines the series.
    pub(crate) opening: RecordRequest,
    /// Each an encoded `RecordRequest` without producer and sequence.
    pub(crate) batches: Vec<Bytes>,
    /// Events or samples in a batch.
    pub(crate) values_each: usize,
}

impl Load {
    /// Events that describe themselves, each of three labels. Over and over every one of the `series` has an event, in
    /// random order.
    pub(crate) fn events(kind: MetricKind, series: usize, values_each: usize) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let values = values(kind, series, values_each, &mut random);
        let metric = descriptor(kind);
        let batches = values.chunks_exact(values_each).map(|values| {
            let events = values.iter().map(|(series, value)| Event {
                name: metric.name.clone(),
                labels: labels(*series),
                value: *value,
            });
            Events { events: events.collect() }.encode_to_vec().into()
        });
        let batches = batches.collect();
        Self { opening: declaring(metric), batches, values_each }
    }

    /// Packed samples of series that are defined once, in the same order.
    pub(crate) fn packed(kind: MetricKind, series: usize, values_each: usize) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let values = values(kind, series, values_each, &mut random);
        let batches = values.chunks_exact(values_each).map(|values| {
            let (series_id, value) = values.iter().map(|(series, value)| (*series as u32, *value)).unzip();
            let samples = Some(Samples { series_id, value });
            RecordRequest { samples, ..RecordRequest::default() }.encode_to_vec().into()
        });
        let batches = batches.collect();
        let metric = descriptor(kind);
        let definitions = (0..series).map(|series| SeriesDefinition {
            id: series as u32,
            metric: metric.name.clone(),
            label_values: labels(series).into_iter().map(|label| label.value).collect(),
        });
        let series = definitions.collect();
        Self { opening: RecordRequest { series, ..declaring(metric) }, batches, values_each }
    }

    /// Bytes on the wire of one value.
    pub(crate) fn bytes_of_value(&self) -> f64 {
        let bytes: usize = self.batches.iter().map(Bytes::len).sum();
        bytes as f64 / (self.batches.len() * self.values_each) as f64
    }
}

fn declaring(metric: MetricDescriptor) -> RecordRequest {
    RecordRequest { metrics: vec![metric], ..RecordRequest::default() }
}

fn descriptor(kind: MetricKind) -> MetricDescriptor {
    let name = match kind {
        MetricKind::Gauge => "active_tracks",
        MetricKind::Histogram => "detection_latency_seconds",
        _ => "detections_total",
    };
    MetricDescriptor {
        name: name.to_owned(),
        kind: kind.into(),
        label_names: LABEL_NAMES.map(str::to_owned).into(),
        ..MetricDescriptor::default()
    }
}

fn labels(series: usize) -> Vec<Label> {
    let values = [
        ["nanodet", "yolox_s"][series % 2].to_owned(),
        format!("class_{:02}", series / 2 % 50),
        format!("camera_{:04}", series / 100),
    ];
    let labels = LABEL_NAMES.into_iter().zip(values);
    labels.map(|(name, value)| Label { name: name.to_owned(), value }).collect()
}

/// Series with values: every series once, in random order, then again until there are enough for whole batches.
fn values(kind: MetricKind, series: usize, batch: usize, random: &mut StdRng) -> Vec<(usize, f64)> {
    let mut values = Vec::new();
    let mut order: Vec<usize> = (0..series).collect();
    while values.len() < LEAST_VALUES.max(4 * batch) {
        order.shuffle(random);
        values.extend(order.iter().map(|series| (*series, value(kind, random))));
    }
    values
}

fn value(kind: MetricKind, random: &mut StdRng) -> f64 {
    match kind {
        MetricKind::Counter => 1.0,
        // Latencies of 1 ms to 1 s, as many in each decade.
        _ => 10_f64.powf(random.random_range(-3.0..0.0)),
    }
}
