//! Detections that Python's ONNX Runtime found in the sample frames, and how to compare with them.

use std::{collections::BTreeMap, path::Path};

use detector_svc::detection::BoundingBox;
use serde::Deserialize;

/// Least overlap (IoU) of a box with the one that Python found. JPEG decoders differ by a grey level or two, which
/// among the boxes of one object may let the neighbour win, a pixel and a half away.
const MIN_IOU: f32 = 0.85;
/// How far confidences may lie apart.
const MAX_CONFIDENCE_GAP: f32 = 0.04;
/// Confidence below which a detection may have been missed by the other side: the threshold, 0.35, and a little more.
const SURE: f32 = 0.4;

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

/// Pairs detections one to one, the most confident first. What is left on either side must be so near to the threshold
/// that the other side may have missed it.
///
/// # Errors
/// The first detection without a counterpart.
pub fn compare(expected: &[Found], found: &[Found]) -> anyhow::Result<()> {
    let mut unmatched: Vec<&Found> = found.iter().collect();
    let mut missing = Vec::new();
    for one in expected {
        match unmatched.iter().position(|other| same(one, other)) {
            Some(index) => drop(unmatched.remove(index)),
            None => missing.push(one),
        }
    }
    for (these, whose) in [(missing, "expected"), (unmatched, "unexpected")] {
        let sure = these.into_iter().find(|one| one.confidence > SURE);
        anyhow::ensure!(sure.is_none(), "{whose}: {sure:?}, expected {expected:#?}, found {found:#?}");
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
