//! What the pipeline records of each image.

use std::sync::OnceLock;

use vision_metrics::catalogue::{
    DETECTION_CONFIDENCE, DETECTION_LATENCY, DETECTIONS, MODEL_BATCH_SIZE, MODEL_INFERENCE_DURATION,
    PIPELINE_STAGE_DURATION, QUEUE_WAIT_DURATION,
};
use vision_metrics_client::{Counter, Histogram, Recorder};

use super::{batcher::Stamps, infer::Inferred, job::Timings};
use crate::{detection::Detection, model::Model};

/// Handles, looked up once.
#[derive(Debug)]
pub(super) struct PipelineMetrics {
    recorder: Recorder,
    model: String,
    classes: Vec<(String, OnceLock<ClassMetrics>)>,
    decode: Histogram,
    preprocess: Histogram,
    inference: Histogram,
    postprocess: Histogram,
    track: Histogram,
    intake_wait: Histogram,
    batch_wait: Histogram,
    latency_total: Histogram,
    latency_inference: Histogram,
    batch_size: Histogram,
    inference_duration: Histogram,
}

/// Handles for one class, made when it is first seen: most models know many classes that never appear.
#[derive(Debug)]
struct ClassMetrics {
    detections: Counter,
    confidence: Histogram,
}

impl PipelineMetrics {
    pub(super) fn new(recorder: &Recorder, model: &Model, device: &str) -> Self {
        let id = model.id.as_str();
        let stage = |stage| recorder.histogram(&PIPELINE_STAGE_DURATION, &[stage]);
        let latency = |stage| recorder.histogram(&DETECTION_LATENCY, &[id, stage]);
        let wait = |queue| recorder.histogram(&QUEUE_WAIT_DURATION, &[queue]);
        Self {
            classes: model.labels.iter().map(|label| (label.clone(), OnceLock::new())).collect(),
            decode: stage("decode"),
            preprocess: stage("preprocess"),
            inference: stage("inference"),
            postprocess: stage("postprocess"),
            track: stage("track"),
            intake_wait: wait("intake"),
            batch_wait: wait("batch"),
            latency_total: latency("total"),
            latency_inference: latency("inference"),
            batch_size: recorder.histogram(&MODEL_BATCH_SIZE, &[id]),
            inference_duration: recorder.histogram(&MODEL_INFERENCE_DURATION, &[id, device]),
            model: id.to_owned(),
            recorder: recorder.clone(),
        }
    }

    /// Records one run of the model.
    pub(super) fn batch(&self, inferred: &Inferred) {
        self.batch_size.observe(inferred.items.len() as f64);
        self.inference_duration.observe_duration(inferred.ended - inferred.started);
    }

    /// Records one image that detections were found in, or none.
    pub(super) fn image(&self, stamps: &Stamps, timings: &Timings, detections: &[Detection]) {
        self.decode.observe_duration(timings.decode);
        self.preprocess.observe_duration(timings.preprocess);
        self.inference.observe_duration(timings.inference);
        self.postprocess.observe_duration(timings.postprocess);
        if let Some(track) = timings.track {
            self.track.observe_duration(track);
        }
        self.intake_wait.observe_duration(stamps.decode_started - stamps.received);
        self.batch_wait.observe_duration(stamps.batched - stamps.prepared);
        self.latency_total.observe_duration(timings.total);
        self.latency_inference.observe_duration(timings.inference);
        for detection in detections {
            if let Some(class) = self.class(detection.class_id) {
                class.detections.inc();
                class.confidence.observe(detection.confidence.into());
            }
        }
    }

    fn class(&self, class_id: usize) -> Option<&ClassMetrics> {
        let (label, metrics) = self.classes.get(class_id)?;
        let labels = [self.model.as_str(), label];
        Some(metrics.get_or_init(|| ClassMetrics {
            detections: self.recorder.counter(&DETECTIONS, &labels),
            confidence: self.recorder.histogram(&DETECTION_CONFIDENCE, &labels),
        }))
    }
}
