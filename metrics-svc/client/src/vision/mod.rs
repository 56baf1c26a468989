//! The metrics of a detecting program, one call an event, whichever sink they go to.

mod frames;
mod handles;
mod process;
mod summary;
mod tracks;

use std::sync::Arc;

use vision_metrics::{
    Registry,
    catalogue::{
        ACTIVE_TRACKS, ANNOTATION_ERRORS, ANNOTATIONS_CREATED, DETECTION_CONFIDENCE, DETECTION_LATENCY,
        DETECTIONS, ERRORS, FRAMES_DROPPED, FRAMES_PROCESSED, GPU_MEMORY_USAGE, MEMORY_USAGE,
        MODEL_BATCH_SIZE, MODEL_INFERENCE_DURATION, MetricSpec, PIPELINE_STAGE_DURATION, QUEUE_SIZE,
        QUEUE_WAIT_DURATION, REDIS_ERRORS, REDIS_OPERATION_DURATION, REDIS_OPERATIONS, SEGMENTATION_DURATION,
        SEGMENTATION_OPERATIONS, TRACK_LIFETIME, TRACKS_CONFIRMED, TRACKS_CREATED, TRACKS_LOST,
        TRACKS_RECOVERED,
    },
};

use self::handles::Handles;
pub use self::summary::{RedisOperations, VisionSummary};
use crate::{Counter, DeclareError, Gauge, Histogram, Recorder, Summary, clock, default_registry};

/// All that may be recorded here.
const SPECS: [&MetricSpec; 26] = [
    &FRAMES_PROCESSED,
    &FRAMES_DROPPED,
    &DETECTIONS,
    &DETECTION_LATENCY,
    &DETECTION_CONFIDENCE,
    &REDIS_OPERATIONS,
    &REDIS_ERRORS,
    &REDIS_OPERATION_DURATION,
    &ACTIVE_TRACKS,
    &TRACK_LIFETIME,
    &TRACKS_CREATED,
    &TRACKS_LOST,
    &TRACKS_CONFIRMED,
    &TRACKS_RECOVERED,
    &MODEL_INFERENCE_DURATION,
    &MODEL_BATCH_SIZE,
    &SEGMENTATION_OPERATIONS,
    &SEGMENTATION_DURATION,
    &MEMORY_USAGE,
    &GPU_MEMORY_USAGE,
    &ERRORS,
    &PIPELINE_STAGE_DURATION,
    &QUEUE_SIZE,
    &QUEUE_WAIT_DURATION,
    &ANNOTATIONS_CREATED,
    &ANNOTATION_ERRORS,
];

/// Records what a program that detects with one model does; to be shared by reference or in an `Arc`.
///
/// Nothing here waits or fails. The handle of each set of label values is kept, for so many of them as a healthy
/// program has; a label value that is too long is recorded nowhere and counted as dropped, as by [`Recorder`].
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::{Registry, catalogue::DETECTIONS};
/// use vision_metrics_client::VisionMetrics;
///
/// let registry = Arc::new(Registry::new("robot"));
/// let metrics = VisionMetrics::local(Arc::clone(&registry), "yolo")?;
/// metrics.record_detection("cup", 0.92);
/// metrics.record_detection_latency(Duration::from_millis(35), "total");
/// metrics.record_frame_processed(true);
/// assert_eq!(registry.get_value(DETECTIONS.name, &["yolo", "cup"])?, Some(1.0));
/// assert_eq!(metrics.get_summary().map(|summary| summary.frames_processed), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VisionMetrics {
    recorder: Recorder,
    model: Box<str>,
    counters: Handles<Counter>,
    gauges: Handles<Gauge>,
    histograms: Handles<Histogram>,
    summaries: Handles<Summary>,
}

impl VisionMetrics {
    /// Records through `recorder` for the model of this name, the value of the label `model`.
    ///
    /// ```
    /// use vision_metrics_client::{Recorder, VisionMetrics};
    ///
    /// let metrics = VisionMetrics::new(&Recorder::disabled(), "yolo")?;
    /// metrics.record_frame_processed(true);
    /// assert_eq!(metrics.model(), "yolo");
    /// assert_eq!(metrics.get_summary(), None);
    /// # Ok::<(), vision_metrics_client::DeclareError>(())
    /// ```
    ///
    /// # Errors
    /// The recorder knows one of the metrics by another definition.
    pub fn new(recorder: &Recorder, model: impl Into<String>) -> Result<Self, DeclareError> {
        SPECS.iter().try_for_each(|spec| recorder.try_declare(spec))?;
        let metrics = Self {
            recorder: recorder.clone(),
            model: model.into().into(),
            counters: Handles::default(),
            gauges: Handles::default(),
            histograms: Handles::default(),
            summaries: Handles::default(),
        };
        // From zero on, so that the rate counts the first frame, too.
        for success in [true, false] {
            metrics.counter(&FRAMES_PROCESSED, &[&metrics.model, status(success)]);
        }
        Ok(metrics)
    }

    /// Records into a registry of this process.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use vision_metrics::{Registry, catalogue::DETECTIONS};
    /// use vision_metrics_client::VisionMetrics;
    ///
    /// let registry = Arc::new(Registry::new("robot"));
    /// registry.register_gauge(DETECTIONS.name, "Mine.", &[])?;
    /// let error = VisionMetrics::local(registry, "yolo").map(drop).map_err(|error| error.to_string());
    /// let expected = "metric \"detections_total\" is registered already with other kind";
    /// assert_eq!(error, Err(expected.to_owned()));
    /// # Ok::<(), vision_metrics::RegisterError>(())
    /// ```
    ///
    /// # Errors
    /// The registry has one of the metrics by another definition.
    pub fn local(registry: Arc<Registry>, model: impl Into<String>) -> Result<Self, DeclareError> {
        Self::new(&Recorder::local(registry), model)
    }

    /// Records into [`default_registry`].
    ///
    /// ```
    /// use vision_metrics::catalogue::ERRORS;
    /// use vision_metrics_client::{VisionMetrics, default_registry};
    ///
    /// VisionMetrics::in_default_registry("yolo")?.record_error("camera", "timeout");
    /// assert_eq!(default_registry().get_value(ERRORS.name, &["camera", "timeout"])?, Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The registry has one of the metrics by another definition.
    pub fn in_default_registry(model: impl Into<String>) -> Result<Self, DeclareError> {
        Self::local(Arc::clone(default_registry()), model)
    }

    /// The model's name.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What is recorded through, for metrics that have no method here.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// What has come of the frames so far, all of it at one moment; `None` when it is not aggregated in this process.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use vision_metrics::Registry;
    /// use vision_metrics_client::VisionMetrics;
    ///
    /// let metrics = VisionMetrics::local(Arc::new(Registry::new("robot")), "yolo")?;
    /// metrics.record_frame_processed(true);
    /// metrics.record_frame_dropped("superseded");
    /// let summary = metrics.get_summary().ok_or("not here")?;
    /// assert_eq!((summary.frames_processed, summary.frames_dropped), (1, 1));
    /// let page = serde_json::to_value(&summary)?;
    /// assert_eq!(page["redis_operations"]["publish_failure"], 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get_summary(&self) -> Option<VisionSummary> {
        let registry = self.recorder.registry()?;
        Some(VisionSummary::read(registry, &self.model, clock::now()))
    }

    fn counter(&self, spec: &MetricSpec, label_values: &[&str]) -> Counter {
        self.counters.get(spec, label_values, || self.recorder.counter(spec, label_values))
    }

    fn gauge(&self, spec: &MetricSpec, label_values: &[&str]) -> Gauge {
        self.gauges.get(spec, label_values, || self.recorder.gauge(spec, label_values))
    }

    fn histogram(&self, spec: &MetricSpec, label_values: &[&str]) -> Histogram {
        self.histograms.get(spec, label_values, || self.recorder.histogram(spec, label_values))
    }

    fn summary(&self, spec: &MetricSpec, label_values: &[&str]) -> Summary {
        self.summaries.get(spec, label_values, || self.recorder.summary(spec, label_values))
    }
}

/// The value of a label `status`.
const fn status(success: bool) -> &'static str {
    if success { "success" } else { "failure" }
}

#[cfg(test)]
#[path = "vision_tests.rs"]
mod tests;
