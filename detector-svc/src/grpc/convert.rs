//! Between the wire and the pipeline.

use std::{sync::Arc, time::Instant};

use tonic::Status;
use vision_proto::detector::v1 as wire;

use crate::{
    detection::TrackId,
    model::{MAX_DETECTIONS, Thresholds},
    pipeline::{DetectError, DetectRequest, Detected, Search, Served, Timings},
    publish::PublishedFrame,
};

/// Bytes of a request identifier.
const MAX_REQUEST_ID_BYTES: usize = 256;
/// Bytes of the name of a tracking session.
const MAX_SESSION_BYTES: usize = 256;

/// Reads a request; what it leaves open is as in `defaults`.
///
/// # Errors
/// `INVALID_ARGUMENT` that names the field and what is wrong with it; `FAILED_PRECONDITION` for what this model cannot
/// do, or this service is set not to do.
pub(super) fn request(
    wire: wire::DetectRequest,
    served: Arc<Served>,
    defaults: Thresholds,
    tracks: bool,
    deadline: Option<Instant>,
) -> Result<DetectRequest, Status> {
    if wire.image.is_empty() {
        return Err(Status::invalid_argument("image: is empty, a JPEG, PNG or WebP file is expected"));
    }
    if wire.request_id.len() > MAX_REQUEST_ID_BYTES {
        let bytes = wire.request_id.len();
        let message = format!("request_id: has {bytes} bytes, at most {MAX_REQUEST_ID_BYTES} are allowed");
        return Err(Status::invalid_argument(message));
    }
    if wire.include_masks && !served.model.has_masks() {
        let message = format!("include_masks: model {} makes no masks", served.model.id);
        return Err(Status::failed_precondition(message));
    }
    Ok(DetectRequest {
        image: wire.image,
        session: session(&wire.track_stream, tracks)?,
        thresholds: thresholds(wire.confidence_threshold, wire.max_detections, defaults)?,
        search: search(&wire.labels, served)?,
        masks: wire.include_masks,
        deadline,
    })
}

fn session(name: &str, tracks: bool) -> Result<Option<Arc<str>>, Status> {
    if name.is_empty() {
        return Ok(None);
    }
    if name.len() > MAX_SESSION_BYTES {
        let bytes = name.len();
        let message = format!("track_stream: has {bytes} bytes, at most {MAX_SESSION_BYTES} are allowed");
        return Err(Status::invalid_argument(message));
    }
    if !tracks {
        return Err(Status::failed_precondition("track_stream: this service is set not to track objects"));
    }
    Ok(Some(Arc::from(name)))
}

fn thresholds(
    confidence: Option<f32>,
    most: Option<u32>,
    defaults: Thresholds,
) -> Result<Thresholds, Status> {
    let confidence = confidence.unwrap_or(defaults.confidence);
    if !(0.0..=1.0).contains(&confidence) {
        let message = format!("confidence_threshold: {confidence} is not within 0..=1");
        return Err(Status::invalid_argument(message));
    }
    let max_detections = most.map_or(defaults.max_detections, |most| most as usize);
    if !(1..=MAX_DETECTIONS).contains(&max_detections) {
        let message = format!("max_detections: is {max_detections}, 1 to {MAX_DETECTIONS} are allowed");
        return Err(Status::invalid_argument(message));
    }
    Ok(Thresholds { confidence, max_detections, ..defaults })
}

/// What the image is searched for: everything that the model knows, of which the labels are wanted.
fn search(labels: &[String], served: Arc<Served>) -> Result<Search, Status> {
    let (vocabulary, model) = (served.vocabulary(), &served.model.id);
    // Every name is looked for among all labels, so a list without bounds would cost without bounds.
    let (named, known) = (labels.len(), vocabulary.labels.len());
    if named > known {
        let message = format!("labels: names {named} classes, model {model} has {known}");
        return Err(Status::invalid_argument(message));
    }
    let class = |label: &String| {
        let unknown = || Status::invalid_argument(format!("labels: model {model} knows no class {label:?}"));
        vocabulary.labels.class_id(label).ok_or_else(unknown)
    };
    let classes = labels.iter().map(class).collect::<Result<_, _>>()?;
    Ok(Search { served, vocabulary, classes })
}

/// The answer to a request.
pub(super) fn response(request_id: String, detected: &Detected) -> wire::DetectResponse {
    wire::DetectResponse {
        request_id,
        detections: detections(detected),
        image_width: detected.width,
        image_height: detected.height,
        timings: Some(timings(&detected.timings)),
        model_id: detected.model.id.clone(),
    }
}

/// A result for those who watch; `missed` were lost to this one before it.
pub(super) fn watched(published: &PublishedFrame, missed: u64) -> wire::WatchResponse {
    let PublishedFrame { frame, detected } = published;
    wire::WatchResponse {
        stream: frame.stream.to_string(),
        frame_id: frame.id.to_string(),
        capture_timestamp: frame.captured.as_secs_f64(),
        detections: detections(detected),
        image_width: detected.width,
        image_height: detected.height,
        model_id: detected.model.id.clone(),
        missed,
    }
}

fn detections(detected: &Detected) -> Vec<wire::Detection> {
    let wire = detected.detections.iter().map(|detection| wire::Detection {
        label: detected.label(detection).to_owned(),
        class_id: u32::try_from(detection.class_id).unwrap_or(u32::MAX),
        confidence: detection.confidence,
        r#box: Some(wire::BoundingBox {
            x_min: detection.bounding_box.x_min,
            y_min: detection.bounding_box.y_min,
            x_max: detection.bounding_box.x_max,
            y_max: detection.bounding_box.y_max,
        }),
        track_id: detection.track_id.map(|TrackId(id)| id),
        mask: None,
    });
    wire.collect()
}

fn timings(timings: &Timings) -> wire::StageTimings {
    let duration = |duration| prost_types::Duration::try_from(duration).ok();
    wire::StageTimings {
        decode: duration(timings.decode),
        preprocess: duration(timings.preprocess),
        queue: duration(timings.queue),
        inference: duration(timings.inference),
        postprocess: duration(timings.postprocess),
        track: timings.track.and_then(duration),
        total: duration(timings.total),
        batch_size: u32::try_from(timings.batch_size).unwrap_or(u32::MAX),
    }
}

impl From<DetectError> for Status {
    fn from(error: DetectError) -> Self {
        let message = error.to_string();
        match error {
            DetectError::InvalidImage(_) => Self::invalid_argument(format!("image: {message}")),
            DetectError::Overloaded { .. } => Self::resource_exhausted(message),
            DetectError::Expired => Self::deadline_exceeded(message),
            DetectError::ShuttingDown => Self::unavailable(message),
            DetectError::Inference(_) => Self::internal(message),
        }
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
