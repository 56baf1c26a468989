//! What the pipeline records of each image.

use std::collections::HashMap;

use vision_metrics::catalogue::{
    DETECTION_CONFIDENCE, DETECTION_LATENCY, DETECTIONS, INFERENCE_PROVIDER_INFO, MODEL_BATCH_SIZE,
    MODEL_INFERENCE_DURATION, PIPELINE_STAGE_DURATION, QUEUE_WAIT_DURATION,
};
use vision_metrics_client::{Counter, Gauge, Histogram, Recorder};

use super::{
    batcher::Stamps,
    infer::Inferred,
    job::{Detected, Timings},
    segment,
    served::Served,
};
use crate::{detection::Detection, inference::Provider};

/// Classes whose handles are kept at once: open vocabularies come and go.
const MAX_CLASSES: usize = 4096;

/// Handles, looked up once.
#[derive(Debug)]
pub(super) struct PipelineMetrics {
    recorder: Recorder,
    stages: StageMetrics,
    /// Those of the model whose batch was last.
    model: ModelMetrics,
}

#[derive(Debug)]
struct StageMetrics {
    decode: Histogram,
    preprocess: Histogram,
    inference: Histogram,
    postprocess: Histogram,
    track: Histogram,
    intake_wait: Histogram,
    batch_wait: Histogram,
}

#[derive(Debug)]
struct ModelMetrics {
    id: String,
    runs_on: Provider,
    provider: Gauge,
    latency_inference: Histogram,
    batch_size: Histogram,
    inference_duration: Histogram,
    classes: HashMap<String, ClassMetrics>,
}

/// Handles for one class, made when it is first seen: most models know many classes that never appear.
#[derive(Debug)]
struct ClassMetrics {
    detections: Counter,
    confidence: Histogram,
}

impl PipelineMetrics {
    pub(super) fn new(recorder: &Recorder, served: &Served) -> Self {
        let stage = |stage| recorder.histogram(&PIPELINE_STAGE_DURATION, &[stage]);
        let wait = |queue| recorder.histogram(&QUEUE_WAIT_DURATION, &[queue]);
        Self {
            stages: StageMetrics {
                decode: stage("decode"),
                preprocess: stage("preprocess"),
                inference: stage("inference"),
                postprocess: stage("postprocess"),
                track: stage("track"),
                intake_wait: wait("intake"),
                batch_wait: wait("batch"),
            },
            model: ModelMetrics::new(recorder, served),
            recorder: recorder.clone(),
        }
    }

    /// Records one run of the model.
    pub(super) fn batch(&mut self, inferred: &Inferred) {
        if !self.model.is_of(&inferred.served) {
            // The model that was before runs no more.
            self.model.provider.set(0.0);
            self.model = ModelMetrics::new(&self.recorder, &inferred.served);
        }
        if inferred.outcome.is_ok() {
            self.model.batch_size.observe(inferred.items.len() as f64);
            self.model.inference_duration.observe_duration(inferred.ended - inferred.started);
        }
    }

    /// Records whether masks that the model makes itself could be made for an image.
    pub(super) fn masks(&self, success: bool) {
        segment::operation(&self.recorder, &self.model.id, success);
    }

    /// Records one image that detections were found in, or none.
    pub(super) fn image(&mut self, stamps: &Stamps, detected: &Detected) {
        let timings = &detected.timings;
        self.stages.record(stamps, timings);
        self.model.latency_inference.observe_duration(timings.inference);
        for detection in &detected.detections {
            self.model.detection(&self.recorder, detected.label(detection), detection);
        }
    }
}

impl StageMetrics {
    fn record(&self, stamps: &Stamps, timings: &Timings) {
        self.decode.observe_duration(timings.decode);
        self.preprocess.observe_duration(timings.preprocess);
        self.inference.observe_duration(timings.inference);
        self.postprocess.observe_duration(timings.postprocess);
        if let Some(track) = timings.track {
            self.track.observe_duration(track);
        }
        self.intake_wait.observe_duration(stamps.decode_started - stamps.received);
        self.batch_wait.observe_duration(stamps.batched - stamps.prepared);
    }
}

impl ModelMetrics {
    fn new(recorder: &Recorder, served: &Served) -> Self {
        let id = served.model.id.as_str();
        let device = served.provider.device();
        let provider = recorder.gauge(&INFERENCE_PROVIDER_INFO, &[id, served.provider.as_str(), device]);
        provider.set(1.0);
        Self {
            provider,
            latency_inference: recorder.histogram(&DETECTION_LATENCY, &[id, "inference"]),
            batch_size: recorder.histogram(&MODEL_BATCH_SIZE, &[id]),
            inference_duration: recorder.histogram(&MODEL_INFERENCE_DURATION, &[id, device]),
            classes: HashMap::new(),
            id: id.to_owned(),
            runs_on: served.provider,
        }
    }

    fn is_of(&self, served: &Served) -> bool {
        self.id == served.model.id && self.runs_on == served.provider
    }

    fn detection(&mut self, recorder: &Recorder, label: &str, detection: &Detection) {
        if !self.classes.contains_key(label) {
            if self.classes.len() >= MAX_CLASSES {
                self.classes.clear();
            }
            let labels = [self.id.as_str(), label];
            let class = ClassMetrics {
                detections: recorder.counter(&DETECTIONS, &labels),
                confidence: recorder.histogram(&DETECTION_CONFIDENCE, &labels),
            };
            self.classes.insert(label.to_owned(), class);
        }
        if let Some(class) = self.classes.get(label) {
            class.detections.inc();
            class.confidence.observe(detection.confidence.into());
        }
    }
}
