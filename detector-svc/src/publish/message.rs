//! Entries as the readers of `redis_robot_comm` and `vision_detect_segment` expect them.

use std::time::Duration;

use serde::Serialize;

use crate::{
    detection::{BoundingBox, Detection, TrackId},
    mask::Mask,
    model::{Labels, Model},
    pipeline::{Detected, FrameOrigin},
};

/// What labels that a detector publishes have as their `source`, so that none takes another's for a wish.
pub(crate) const LABELS_SOURCE: &str = "detector-svc";

/// One object, under the keys of both packages' readers.
#[derive(Serialize)]
struct Object<'a> {
    id: String,
    class_name: &'a str,
    label: &'a str,
    confidence: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_id: Option<u64>,
    bbox: PixelBox,
    has_mask: bool,
    #[serde(flatten)]
    mask: Option<PixelMask>,
    /// Capture time, seconds since the Unix epoch.
    timestamp: f64,
}

/// Which pixels of the source image are an object's.
#[derive(Serialize)]
struct PixelMask {
    /// Base64 of a byte a pixel, row-major, 0 or 255.
    mask_data: String,
    /// Rows, and pixels a row.
    mask_shape: [u32; 2],
    /// What a byte is, as NumPy names it.
    mask_dtype: &'static str,
}

impl From<&Mask> for PixelMask {
    fn from(mask: &Mask) -> Self {
        Self {
            mask_data: base64_simd::STANDARD.encode_to_string(mask.to_bytes()),
            mask_shape: [mask.height, mask.width],
            mask_dtype: "uint8",
        }
    }
}

/// A box in whole pixels of the source image.
#[derive(Serialize)]
struct PixelBox {
    x_min: i64,
    y_min: i64,
    x_max: i64,
    y_max: i64,
}

impl From<&BoundingBox> for PixelBox {
    fn from(exact: &BoundingBox) -> Self {
        let pixel = |value: f32| value.round() as i64;
        Self {
            x_min: pixel(exact.x_min),
            y_min: pixel(exact.y_min),
            x_max: pixel(exact.x_max),
            y_max: pixel(exact.y_max),
        }
    }
}

/// Fields of an entry that tells what was found in a frame, published at `now`.
pub(super) fn objects(
    frame: &FrameOrigin,
    detected: &Detected,
    now: Duration,
) -> Vec<(&'static str, String)> {
    let captured = frame.captured.as_secs_f64();
    let found = detected.detections.iter().enumerate();
    let objects: Vec<Object<'_>> =
        found.map(|(number, detection)| object(number, detection, detected, captured)).collect();
    vec![
        ("timestamp", now.as_secs_f64().to_string()),
        ("objects", json(&objects)),
        ("camera_pose", frame.robot_pose.as_ref().map_or_else(|| "{}".to_owned(), json)),
        ("frame_id", frame.id.to_string()),
        ("source_stream", frame.stream.to_string()),
        ("capture_timestamp", captured.to_string()),
        ("model_id", detected.model.id.clone()),
        ("image_width", detected.width.to_string()),
        ("image_height", detected.height.to_string()),
    ]
}

/// Fields of the entry that tells what the model can detect.
pub(super) fn labels(model: &Model, labels: &Labels, now: Duration) -> Vec<(&'static str, String)> {
    vec![
        ("timestamp", now.as_secs_f64().to_string()),
        ("labels", json(&labels[..])),
        ("label_count", labels.len().to_string()),
        ("metadata", json(&serde_json::json!({"model_id": model.id, "source": LABELS_SOURCE}))),
    ]
}

fn object<'a>(number: usize, detection: &Detection, detected: &'a Detected, timestamp: f64) -> Object<'a> {
    let label = detected.label(detection);
    let track_id = detection.track_id.map(|TrackId(id)| id);
    Object {
        id: match track_id {
            Some(track_id) => format!("{label}_{track_id}"),
            // Told from those of tracks, which are numbers alone.
            None => format!("{label}_u{number}"),
        },
        class_name: label,
        label,
        confidence: detection.confidence,
        track_id,
        bbox: PixelBox::from(&detection.bounding_box),
        has_mask: detection.mask.is_some(),
        mask: detection.mask.as_ref().map(PixelMask::from),
        timestamp,
    }
}

/// Maps, lists and strings always become JSON; what cannot would be a mistake in this file.
fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
