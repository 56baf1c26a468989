//! Between the wire and the pipeline.

use std::{convert::Infallible, sync::Arc, time::Instant};

use tonic::Status;
use vision_proto::detector::v1::{self as wire, MaskEncoding, mask::Encoding};

use crate::{
    detection::TrackId,
    mask::Mask,
    model::{ClassSet, MAX_DETECTIONS, Thresholds},
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
    makes_masks: bool,
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
    if wire.include_masks && !makes_masks {
        let message = format!(
            "include_masks: model {} makes no masks, and there is no segmenter (`segmenter.path`)",
            served.model.id
        );
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

/// What the image is searched for: the labels, by a model that can be asked for anything; else everything that the model
/// knows, of which the labels are wanted.
fn search(labels: &[String], served: Arc<Served>) -> Result<Search, Status> {
    if served.model.is_open_vocabulary() && !labels.is_empty() {
        let vocabulary = served.vocabulary_of(labels);
        let vocabulary = vocabulary.map_err(|error| Status::invalid_argument(format!("labels: {error}")))?;
        return Ok(Search { served, vocabulary, classes: ClassSet::all() });
    }
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

/// How a caller wants masks to be encoded.
///
/// # Errors
/// `INVALID_ARGUMENT`: there is no such encoding.
pub(super) fn mask_encoding(wire: &wire::DetectRequest) -> Result<MaskEncoding, Status> {
    let unknown = |_| {
        let message = format!("mask_encoding: is {}, which is none of MaskEncoding", wire.mask_encoding);
        Status::invalid_argument(message)
    };
    MaskEncoding::try_from(wire.mask_encoding).map_err(unknown)
}

/// The answer to a request.
///
/// # Errors
/// `INTERNAL`: a mask cannot be encoded.
pub(super) fn response(
    request_id: String,
    detected: &Detected,
    encoding: MaskEncoding,
) -> Result<wire::DetectResponse, Status> {
    Ok(wire::DetectResponse {
        request_id,
        detections: detections(detected, |mask| encoded(mask, encoding))?,
        image_width: detected.width,
        image_height: detected.height,
        timings: Some(timings(&detected.timings)),
        model_id: detected.model.id.clone(),
    })
}

/// A result for those who watch; `missed` were lost to this one before it.
pub(super) fn watched(published: &PublishedFrame, missed: u64) -> wire::WatchResponse {
    let PublishedFrame { frame, detected } = published;
    let Ok(detections) = detections(detected, |mask| Ok::<_, Infallible>(run_lengths(mask)));
    wire::WatchResponse {
        stream: frame.stream.to_string(),
        frame_id: frame.id.to_string(),
        capture_timestamp: frame.captured.as_secs_f64(),
        detections,
        image_width: detected.width,
        image_height: detected.height,
        model_id: detected.model.id.clone(),
        missed,
    }
}

fn detections<E>(
    detected: &Detected,
    encode: impl Fn(&Mask) -> Result<Encoding, E>,
) -> Result<Vec<wire::Detection>, E> {
    let mask = |mask: &Mask| {
        let encoding = Some(encode(mask)?);
        Ok(wire::Mask { width: mask.width, height: mask.height, encoding })
    };
    let wire = detected.detections.iter().map(|detection| {
        Ok(wire::Detection {
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
            mask: detection.mask.as_ref().map(mask).transpose()?,
        })
    });
    wire.collect()
}

fn encoded(mask: &Mask, encoding: MaskEncoding) -> Result<Encoding, Status> {
    match encoding {
        MaskEncoding::Unspecified | MaskEncoding::CocoRle => Ok(run_lengths(mask)),
        MaskEncoding::Png => {
            let failed = |error| Status::internal(format!("encoding a mask as PNG: {error}"));
            Ok(Encoding::Png(mask.to_png().map_err(failed)?))
        }
    }
}

fn run_lengths(mask: &Mask) -> Encoding {
    Encoding::CocoRle(mask.to_coco_rle())
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
        segment: timings.segment.and_then(duration),
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
