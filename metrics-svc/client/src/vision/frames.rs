//! What becomes of frames.

use std::time::Duration;

use vision_metrics::catalogue::{
    ANNOTATION_ERRORS, ANNOTATIONS_CREATED, DETECTION_CONFIDENCE, DETECTION_LATENCY, DETECTIONS,
    FRAMES_DROPPED, FRAMES_PROCESSED, MODEL_BATCH_SIZE, MODEL_INFERENCE_DURATION, PIPELINE_STAGE_DURATION,
    SEGMENTATION_DURATION, SEGMENTATION_OPERATIONS,
};

use super::{VisionMetrics, status};
use crate::MetricsTimer;

/// Frames, from the camera to what was seen in them.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::{Registry, catalogue::*};
/// use vision_metrics_client::{VisionMetrics, now};
///
/// let registry = Arc::new(Registry::new("robot"));
/// let metrics = VisionMetrics::local(Arc::clone(&registry), "yolo")?;
/// metrics.record_frame_processed(true);
/// metrics.record_frame_dropped("superseded");
/// metrics.record_detection("cup", 0.92);
/// metrics.record_detection_latency(Duration::from_millis(35), "total");
/// metrics.record_model_inference(Duration::from_millis(30), "cpu", 2);
/// metrics.record_segmentation(Duration::from_millis(80), "sam", false);
/// metrics.record_pipeline_stage("decode", Duration::from_millis(2));
/// metrics.record_annotation("boxes");
/// metrics.record_annotation_error("boxes", "encode");
/// metrics.time_detection("postprocess").stop();
/// metrics.time_pipeline_stage("decode").discard();
///
/// let value = |spec: &MetricSpec, labels: &[&str]| registry.get_value(spec.name, labels);
/// assert_eq!(value(&FRAMES_PROCESSED, &["yolo", "success"])?, Some(1.0));
/// assert_eq!(value(&FRAMES_DROPPED, &["yolo", "superseded"])?, Some(1.0));
/// assert_eq!(value(&DETECTIONS, &["yolo", "cup"])?, Some(1.0));
/// assert_eq!(value(&SEGMENTATION_OPERATIONS, &["sam", "failure"])?, Some(1.0));
/// assert_eq!(value(&ANNOTATIONS_CREATED, &["boxes"])?, Some(1.0));
/// assert_eq!(value(&ANNOTATION_ERRORS, &["boxes", "encode"])?, Some(1.0));
///
/// let median = |spec: &MetricSpec, labels: &[&str]| registry.get_quantile(spec.name, labels, 0.5, now());
/// assert_eq!(median(&DETECTION_CONFIDENCE, &["yolo", "cup"])?, Some(0.92));
/// assert_eq!(median(&DETECTION_LATENCY, &["yolo", "total"])?, Some(0.035));
/// assert!(median(&DETECTION_LATENCY, &["yolo", "postprocess"])?.is_some());
/// assert_eq!(median(&MODEL_INFERENCE_DURATION, &["yolo", "cpu"])?, Some(0.03));
/// assert_eq!(median(&MODEL_BATCH_SIZE, &["yolo"])?, Some(2.0));
/// assert_eq!(median(&PIPELINE_STAGE_DURATION, &["decode"])?, Some(0.002));
/// assert_eq!(median(&SEGMENTATION_DURATION, &["sam"])?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl VisionMetrics {
    /// Counts a frame that went through detection, or failed there.
    pub fn record_frame_processed(&self, success: bool) {
        self.counter(&FRAMES_PROCESSED, &[&self.model, status(success)]).inc();
    }

    /// Counts a frame given up before detection, such as for `backpressure`.
    pub fn record_frame_dropped(&self, reason: &str) {
        self.counter(&FRAMES_DROPPED, &[&self.model, reason]).inc();
    }

    /// Counts an object of a class, detected with a confidence in 0..=1.
    pub fn record_detection(&self, class: &str, confidence: f64) {
        let labels = [&*self.model, class];
        self.counter(&DETECTIONS, &labels).inc();
        self.histogram(&DETECTION_CONFIDENCE, &labels).observe(confidence);
    }

    /// Records how long detection took, or a stage of it; `total` is all of it.
    pub fn record_detection_latency(&self, duration: Duration, stage: &str) {
        self.histogram(&DETECTION_LATENCY, &[&self.model, stage]).observe_duration(duration);
    }

    /// Like [`VisionMetrics::record_detection_latency`], of what is done until the timer ends.
    pub fn time_detection(&self, stage: &str) -> MetricsTimer {
        self.histogram(&DETECTION_LATENCY, &[&self.model, stage]).start_timer()
    }

    /// Records one run of the model on a device, over so many images.
    pub fn record_model_inference(&self, duration: Duration, device: &str, batch_size: usize) {
        self.histogram(&MODEL_INFERENCE_DURATION, &[&self.model, device]).observe_duration(duration);
        self.histogram(&MODEL_BATCH_SIZE, &[&self.model]).observe(batch_size as f64);
    }

    /// Counts a segmentation, and records how long it took if it succeeded.
    pub fn record_segmentation(&self, duration: Duration, segmenter: &str, success: bool) {
        self.counter(&SEGMENTATION_OPERATIONS, &[segmenter, status(success)]).inc();
        if success {
            self.histogram(&SEGMENTATION_DURATION, &[segmenter]).observe_duration(duration);
        }
    }

    /// Records how long a stage of the pipeline took for one frame.
    pub fn record_pipeline_stage(&self, stage: &str, duration: Duration) {
        self.histogram(&PIPELINE_STAGE_DURATION, &[stage]).observe_duration(duration);
    }

    /// Like [`VisionMetrics::record_pipeline_stage`], of what is done until the timer ends.
    pub fn time_pipeline_stage(&self, stage: &str) -> MetricsTimer {
        self.histogram(&PIPELINE_STAGE_DURATION, &[stage]).start_timer()
    }

    /// Counts an annotated image, by the type of its annotation.
    pub fn record_annotation(&self, annotation_type: &str) {
        self.counter(&ANNOTATIONS_CREATED, &[annotation_type]).inc();
    }

    /// Counts an annotated image that failed.
    pub fn record_annotation_error(&self, annotation_type: &str, error: &str) {
        self.counter(&ANNOTATION_ERRORS, &[annotation_type, error]).inc();
    }
}
