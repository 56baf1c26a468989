//! What the tracker sees of a frame.

use super::{TrackSettings, overlap::Corners};
use crate::detection::Detection;

/// A detection that tracks may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// Index of the detection in its frame.
    pub(super) detection: usize,
    pub(super) class_id: usize,
    /// 0..=1.
    pub(super) score: f64,
    pub(super) corners: Corners,
    /// Whether its score is above the high threshold.
    pub(super) high: bool,
    pub(super) taken: bool,
}

impl Observation {
    /// What tracks see of a detection; nothing of one without a usable box or whose score is too low for them.
    pub(super) fn new(index: usize, detection: &Detection, settings: &TrackSettings) -> Option<Self> {
        let confidence = detection.confidence;
        if !confidence.is_finite() || confidence <= settings.low_threshold as f32 {
            return None;
        }
        let corners = Corners::new(&detection.bounding_box)?;
        let high = confidence > settings.high_threshold as f32;
        let (class_id, score) = (detection.class_id, f64::from(confidence.min(1.0)));
        Some(Self { detection: index, class_id, score, corners, high, taken: false })
    }
}
