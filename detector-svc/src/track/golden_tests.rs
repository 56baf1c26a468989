//! Tracks are those of a ByteTrack that others wrote (`tests/python/reference_tracker.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::detection::BoundingBox;

const FRAME: Duration = Duration::from_millis(40);
const FPS: f64 = 25.0;
/// Most distance of an edge of two boxes that are the same, in pixels. The reference's filter starts in single
/// precision.
const NEAR: f32 = 0.01;

#[derive(Deserialize)]
struct Sequence {
    /// The reference's threshold of high scores.
    threshold: f64,
    /// Frames that the reference keeps a lost track.
    buffer: u32,
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    /// `x_min`, `y_min`, `x_max`, `y_max`, score.
    detections: Vec<[f32; 5]>,
    /// Identity, `x_min`, `y_min`, `x_max`, `y_max`.
    tracks: Vec<(u64, f32, f32, f32, f32)>,
}

impl Sequence {
    /// The reference's settings. It still finds a track two frames after its buffer has run out, since it ends tracks
    /// after a frame's association and forgets them a frame late. Boxes are smoothed, to be compared.
    fn settings(&self) -> TrackSettings {
        TrackSettings {
            high_threshold: self.threshold,
            new_threshold: self.threshold + 0.1,
            lost_after: FRAME * (self.buffer + 2),
            nominal_fps: FPS,
            smooth_boxes: true,
            ..TrackSettings::default()
        }
    }
}

impl Frame {
    fn detections(&self) -> Vec<Detection> {
        let detection = |&[x_min, y_min, x_max, y_max, confidence]: &[f32; 5]| Detection {
            class_id: 0,
            confidence,
            bounding_box: BoundingBox { x_min, y_min, x_max, y_max },
            track_id: None,
            mask: None,
        };
        self.detections.iter().map(detection).collect()
    }

    /// The reference's identity for a smoothed box.
    fn reference(&self, smoothed: &BoundingBox) -> Option<u64> {
        let found = [smoothed.x_min, smoothed.y_min, smoothed.x_max, smoothed.y_max];
        let same = |&&(_, x_min, y_min, x_max, y_max): &&(u64, f32, f32, f32, f32)| {
            let expected = [x_min, y_min, x_max, y_max].map(|edge| edge.max(0.0));
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= NEAR)
        };
        self.tracks.iter().find(same).map(|track| track.0)
    }
}

fn sequence(name: &str) -> Sequence {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/bytetrack.json");
    let mut all: BTreeMap<String, Sequence> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all.remove(name).unwrap()
}

/// Identities may have other numbers, but the same boxes have the same ones.
fn compare(name: &str) {
    let sequence = sequence(name);
    let mut tracker = Tracker::new(&sequence.settings());
    let (mut to_ours, mut to_theirs) = (BTreeMap::new(), BTreeMap::new());
    for (index, frame) in (0u32..).zip(&sequence.frames) {
        let mut detections = frame.detections();
        tracker.update(FRAME * index, &mut detections, &mut Vec::new());
        let mut tracked = 0;
        for (ours, detection) in detections.iter().filter_map(|d| d.track_id.map(|id| (id, d))) {
            let theirs = frame.reference(&detection.bounding_box);
            let theirs = theirs.unwrap_or_else(|| panic!("{name} {index}: {detection:?} is theirs not"));
            assert_eq!(*to_ours.entry(theirs).or_insert(ours), ours, "{name} {index}: their {theirs}");
            assert_eq!(*to_theirs.entry(ours).or_insert(theirs), theirs, "{name} {index}: our {ours:?}");
            tracked += 1;
        }
        assert_eq!(tracked, frame.tracks.len(), "{name} {index}");
        assert_eq!(tracked, tracker.active(), "{name} {index}");
    }
    assert!(to_ours.len() > 10, "{name}: {} tracks", to_ours.len());
}

#[test]
fn boxes_that_cross_hide_and_return_are_told_apart_as_by_the_reference() {
    compare("synthetic");
}

#[test]
fn what_the_model_finds_in_a_street_is_told_apart_as_by_the_reference() {
    compare("vtest");
}
