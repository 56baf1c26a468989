//! Each family of models against the library that it comes from: a tiny model of the real architecture with random
//! weights, and what that library itself detects in a frame. `tests/python/golden/` made them.
//!
//! They need ONNX Runtime where `make` puts it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod detr;
mod golden;
mod open_vocabulary;
mod segmenters;
mod yolo;

use golden::Tolerance;

/// What a family must reach in single precision: boxes within a pixel, scores within a thousandth.
const EXACT: Tolerance = Tolerance { pixels: 1.0, score: 1e-3, mask_iou: 0.98 };
