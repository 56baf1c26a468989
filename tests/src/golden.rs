//! Detections that Python's ONNX Runtime found in the sample frames, and how to compare with them.

use std::{collections::BTreeMap, path::Path};

use detector_svc::detection::BoundingBox;
use serde::Deserialize;

/// Least overlap (IoU) of a box with the one that Python found: JPEG decoders differ by a grey level or two.
const MIN_IOU: f32 = 0.9;
/// How far confidences may lie apart.
const MAX_CONFIDENCE_GAP: f32 = 0.04;
/// Least confidence of a detection.
const THRESHOLD: f32 = 0.35;

/// One object, in source-image pixels.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Found {
    /// Class name.
    pub label: String,
    /// Score, 0..=1.
    pub confidence: f32,
    /// `x_min`, `y_min`, `x_max`, `y_max`.
    #[serde(rename = "box")]
    pub corners: [f32; 4],
}

/// Detections by file name.
///
/// # Errors
/// The file is missing or no JSON of that form.
pub fn read() -> anyhow::Result<BTreeMap<String, Vec<Found>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/vtest-nanodet-g-416.json");
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Compares both ways: each detection has its counterpart, except those so near to the threshold that the other side
/// may have missed them.
///
/// # Errors
/// The first detection without a counterpart.
pub fn compare(expected: &[Found], found: &[Found]) -> anyhow::Result<()> {
    for (these, those, whose) in [(expected, found, "expected"), (found, expected, "unexpected")] {
        for one in these.iter().filter(|one| one.confidence > THRESHOLD + MAX_CONFIDENCE_GAP) {
            anyhow::ensure!(those.iter().any(|other| same(one, other)), "{whose}: {one:?}, have: {those:#?}");
        }
    }
    Ok(())
}

fn same(one: &Found, other: &Found) -> bool {
    one.label == other.label
        && (one.confidence - other.confidence).abs() <= MAX_CONFIDENCE_GAP
        && bounding_box(one).iou(&bounding_box(other)) >= MIN_IOU
}

fn bounding_box(found: &Found) -> BoundingBox {
    let [x_min, y_min, x_max, y_max] = found.corners;
    BoundingBox { x_min, y_min, x_max, y_max }
}
