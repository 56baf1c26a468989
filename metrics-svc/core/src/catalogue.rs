//! The one table of metric definitions: call sites name a constant, never a string.

use crate::descriptor::{DEFAULT_MAX_AGE, Merge, MetricDescriptor, MetricKind};

/// What exported names start with, before an underscore, unless somebody says otherwise.
pub const NAMESPACE: &str = "vision_detect_segment";

/// Definition of a metric, known at compile time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricSpec {
    /// Name without the namespace.
    pub name: &'static str,
    /// What the metric aggregates to.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: &'static str,
    /// Base unit in the plural; empty when the value counts things.
    pub unit: &'static str,
    /// Names of the labels, in the order in which values are given.
    pub label_names: &'static [&'static str],
    /// Histogram: upper bounds. Empty: the defaults.
    pub buckets: &'static [f64],
    /// Summary: quantiles. Empty: the defaults.
    pub quantiles: &'static [f64],
    /// How the values of several producers combine.
    pub merge: Merge,
}

impl MetricSpec {
    /// The same definition, owned.
    #[must_use]
    pub fn descriptor(&self) -> MetricDescriptor {
        MetricDescriptor {
            name: self.name.to_owned(),
            kind: self.kind,
            help: self.help.to_owned(),
            unit: self.unit.to_owned(),
            label_names: self.label_names.iter().map(ToString::to_string).collect(),
            buckets: self.buckets.to_vec(),
            quantiles: self.quantiles.to_vec(),
            max_age: DEFAULT_MAX_AGE,
            merge: self.merge,
        }
    }

    const fn new(
        name: &'static str,
        kind: MetricKind,
        label_names: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, help, unit: "", label_names, buckets: &[], quantiles: &[], merge: Merge::Default }
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn buckets(mut self, buckets: &'static [f64]) -> Self {
        self.buckets = buckets;
        self
    }

    const fn quantiles(mut self, quantiles: &'static [f64]) -> Self {
        self.quantiles = quantiles;
        self
    }
}

const LATENCY_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
const INFERENCE_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
const CONFIDENCE_BUCKETS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
const REDIS_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];
const STAGE_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const SEGMENTATION_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
const LIFETIME_QUANTILES: &[f64] = &[0.5, 0.9, 0.95, 0.99];

/// Declares the constants and the list of all of them together, so that neither can miss one.
macro_rules! catalogue {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal $(. $part:ident($value:expr))*;)*) => {
        $(
            #[doc = $help]
            pub const $constant: MetricSpec =
                MetricSpec::new($name, MetricKind::$kind, &[$($label),*], $help)$(.$part($value))*;
        )*

        /// Every metric of the catalogue.
        pub const ALL: &[&MetricSpec] = &[$(&$constant),*];
    };
}

catalogue! {
    FRAMES_PROCESSED: Counter "frames_processed_total" ["model", "status"] "Frames that went through detection, by outcome.";
    FRAMES_DROPPED: Counter "frames_dropped_total" ["model", "reason"] "Frames given up before detection, by reason.";
    DETECTIONS: Counter "detections_total" ["model", "class"] "Objects detected.";
    DETECTION_LATENCY: Histogram "detection_latency_seconds" ["model", "stage"] "Detection latency, by stage." .unit("seconds") .buckets(LATENCY_BUCKETS);
    DETECTION_CONFIDENCE: Histogram "detection_confidence" ["model", "class"] "Confidence of detected objects, in 0..=1." .buckets(CONFIDENCE_BUCKETS);
    REDIS_OPERATIONS: Counter "redis_operations_total" ["operation", "status"] "Redis operations, by outcome.";
    REDIS_ERRORS: Counter "redis_errors_total" ["operation", "error_type"] "Redis operations that failed, by type of error.";
    REDIS_OPERATION_DURATION: Histogram "redis_operation_duration_seconds" ["operation"] "Duration of Redis operations." .unit("seconds") .buckets(REDIS_BUCKETS);
    ACTIVE_TRACKS: Gauge "active_tracks" ["model"] "Objects tracked at present.";
    TRACK_LIFETIME: Summary "track_lifetime_seconds" ["model", "class"] "How long tracks lived." .unit("seconds") .quantiles(LIFETIME_QUANTILES);
    TRACKS_CREATED: Counter "tracks_created_total" ["model"] "Tracks begun.";
    TRACKS_LOST: Counter "tracks_lost_total" ["model", "reason"] "Tracks ended, by reason.";
    MODEL_INFERENCE_DURATION: Histogram "model_inference_duration_seconds" ["model", "device"] "Duration of one inference of a batch." .unit("seconds") .buckets(INFERENCE_BUCKETS);
    MODEL_BATCH_SIZE: Histogram "model_batch_size" ["model"] "Frames in an inference batch." .buckets(BATCH_BUCKETS);
    SEGMENTATION_OPERATIONS: Counter "segmentation_operations_total" ["model", "status"] "Segmentations, by outcome.";
    SEGMENTATION_DURATION: Histogram "segmentation_duration_seconds" ["segmenter"] "Duration of segmentations." .unit("seconds") .buckets(SEGMENTATION_BUCKETS);
    MEMORY_USAGE: Gauge "memory_usage_bytes" ["type"] "Memory of the process, by type." .unit("bytes");
    GPU_MEMORY_USAGE: Gauge "gpu_memory_usage_bytes" ["device"] "Memory in use on the accelerator." .unit("bytes");
    ERRORS: Counter "errors_total" ["component", "error_type"] "Errors, by component and type.";
    PIPELINE_STAGE_DURATION: Histogram "pipeline_stage_duration_seconds" ["stage"] "Duration of a stage of the pipeline for one frame." .unit("seconds") .buckets(STAGE_BUCKETS);
    QUEUE_SIZE: Gauge "queue_size" ["queue_type"] "Entries waiting in a queue.";
    QUEUE_WAIT_DURATION: Histogram "queue_wait_duration_seconds" ["queue_type"] "How long entries waited in a queue." .unit("seconds") .buckets(STAGE_BUCKETS);
    ANNOTATIONS_CREATED: Counter "annotations_created_total" ["type"] "Annotated images made.";
    ANNOTATION_ERRORS: Counter "annotation_errors_total" ["type", "error"] "Annotated images that failed.";
    FRAMES_RECEIVED: Counter "frames_received_total" ["stream"] "Frames that a stream delivered, trimmed ones included.";
    FRAMES_IN_FLIGHT: Gauge "frames_in_flight" [] "Frames received and neither processed nor dropped yet.";
    FRAME_AGE: Histogram "frame_age_seconds" ["stream"] "Age of a frame from its capture to its publication." .unit("seconds");
    STREAM_LAST_FRAME_TIMESTAMP: Gauge "stream_last_frame_timestamp_seconds" ["stream"] "When the stream's last frame was received, since the Unix epoch." .unit("seconds");
    INFERENCE_PROVIDER_INFO: Gauge "inference_provider_info" ["model", "provider", "device"] "The execution provider in use; always 1.";
    BOTTLENECK_RATIO: Gauge "bottleneck_ratio" ["stage"] "Share of wall time for which a stage was the one waited for.";
    TRACKS_CONFIRMED: Counter "tracks_confirmed_total" ["model"] "Tracks confirmed by repeated detection.";
    TRACKS_RECOVERED: Counter "tracks_recovered_total" ["model"] "Lost tracks found again.";
    RECORD_BATCHES: Counter "record_batches_total" [] "Batches of metric events that the recorder cut.";
    RECORD_EVENTS_DROPPED: Counter "record_events_dropped_total" [] "Metric events that the recorder dropped because its queue was full.";
    RECORD_BATCHES_RESENT: Counter "record_batches_resent_total" [] "Batches of metric events that the recorder sent again.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_definition_is_valid_and_its_name_unique() {
        let mut names = HashSet::new();
        for spec in ALL {
            assert_eq!(spec.descriptor().validate(), Ok(()), "{}", spec.name);
            assert!(names.insert(spec.name), "{}", spec.name);
        }
        assert_eq!(ALL.len(), 35);
    }

    #[test]
    fn counters_end_in_total_and_units_are_in_the_name() {
        for spec in ALL {
            let counter = spec.kind == MetricKind::Counter;
            assert_eq!(counter, spec.name.ends_with("_total"), "{}", spec.name);
            assert!(spec.name.ends_with(spec.unit), "{}", spec.name);
        }
    }
}
