//! Whatever the frames hold, every track begins once and ends once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::detection::BoundingBox;

/// What the events tell of a track.
#[derive(Debug, PartialEq)]
enum Told {
    Created,
    Tracked,
    Lost,
    Removed,
}

fn fold(told: &mut BTreeMap<TrackId, Told>, event: &TrackEvent) -> Result<(), TestCaseError> {
    let (expected, next) = match event.kind {
        TrackEventKind::Created => (None, Told::Created),
        TrackEventKind::Confirmed => (Some(Told::Created), Told::Tracked),
        TrackEventKind::Lost => (Some(Told::Tracked), Told::Lost),
        TrackEventKind::Recovered => (Some(Told::Lost), Told::Tracked),
        TrackEventKind::Removed { .. } => {
            let last = told.insert(event.track, Told::Removed);
            prop_assert!(last.is_some_and(|last| last != Told::Removed), "{:?}", event);
            return Ok(());
        }
    };
    prop_assert_eq!(told.insert(event.track, next), expected, "{:?}", event);
    Ok(())
}

fn active(told: &BTreeMap<TrackId, Told>) -> usize {
    told.values().filter(|told| **told == Told::Tracked).count()
}

/// Few places, so that boxes meet again, and some that are no boxes.
fn detection() -> impl Strategy<Value = Detection> {
    let place = prop_oneof![
        20 => (0u8..6).prop_map(|n| f32::from(n) * 10.0),
        10 => -100.0..2000.0f32,
        1 => any::<f32>(),
    ];
    let size = prop_oneof![20 => 10.0..60.0f32, 1 => -5.0..5.0f32, 1 => any::<f32>()];
    let score = prop_oneof![20 => 0.0..=1.0f32, 1 => any::<f32>()];
    (0usize..3, score, [place.clone(), place], [size.clone(), size]).prop_map(
        |(class_id, confidence, [x, y], [width, height])| Detection {
            class_id,
            confidence,
            bounding_box: BoundingBox { x_min: x, y_min: y, x_max: x + width, y_max: y + height },
            track_id: Some(TrackId(u64::MAX)),
            mask: None,
        },
    )
}

fn frame_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        30 => (0u64..3000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_secs),
    ]
}

fn frames() -> impl Strategy<Value = Vec<(Duration, Vec<Detection>)>> {
    let even = prop::collection::vec(prop::collection::vec(detection(), 0..8), 0..60)
        .prop_map(|frames| (0u32..).map(|n| Duration::from_millis(33) * n).zip(frames).collect());
    let jumping = prop::collection::vec((frame_time(), prop::collection::vec(detection(), 0..8)), 0..40);
    prop_oneof![even, jumping]
}

fn settings() -> impl Strategy<Value = TrackSettings> {
    let options = (any::<bool>(), any::<bool>(), any::<bool>());
    let lost_after = prop_oneof![(1u64..2000).prop_map(Duration::from_millis), Just(Duration::MAX)];
    (options, lost_after, 1usize..20, 0.1..1000.0f64).prop_map(
        |(options, lost_after, max_tracks, nominal_fps)| {
            let (class_aware, stabilise_labels, smooth_boxes) = options;
            let default = TrackSettings::default();
            TrackSettings {
                class_aware,
                stabilise_labels,
                smooth_boxes,
                lost_after,
                max_tracks,
                nominal_fps,
                ..default
            }
        },
    )
}

/// Boxes that tracks took are boxes still.
fn check_frame(detections: &[Detection]) -> Result<usize, TestCaseError> {
    let mut ids = BTreeSet::new();
    for detection in detections {
        let Some(id) = detection.track_id else { continue };
        prop_assert!(ids.insert(id), "{:?} twice", id);
        prop_assert!(Corners::new(&detection.bounding_box).is_some(), "{:?}", detection);
    }
    Ok(ids.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_track_is_created_once_and_removed_once(settings in settings(), frames in frames()) {
        let mut tracker = Tracker::new(&settings);
        let (mut told, mut events) = (BTreeMap::new(), Vec::new());
        for (now, mut detections) in frames {
            tracker.update(now, &mut detections, &mut events);
            for event in events.drain(..) {
                fold(&mut told, &event)?;
            }
            prop_assert_eq!(tracker.active(), active(&told));
            prop_assert_eq!(check_frame(&detections)?, active(&told));
            prop_assert!(tracker.tracks.len() <= settings.max_tracks);
        }
        tracker.finish(LostReason::Shutdown, &mut events);
        for event in &events {
            fold(&mut told, event)?;
        }
        prop_assert_eq!(tracker.active(), 0);
        prop_assert!(told.values().all(|told| *told == Told::Removed));
    }
}
