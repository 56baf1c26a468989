//! What a tracker makes of small scenes.

use super::*;
use crate::detection::BoundingBox;

const FRAME: Duration = Duration::from_millis(40);
const PERSON: usize = 0;
const DOG: usize = 16;

/// A tracker at 25 frames a second, and all that happened.
struct Scene {
    tracker: Tracker,
    now: Duration,
    events: Vec<TrackEvent>,
}

impl Scene {
    fn new(settings: &TrackSettings) -> Self {
        let tracker = Tracker::new(&TrackSettings { nominal_fps: 25.0, ..settings.clone() });
        Self { tracker, now: Duration::from_secs(1_700_000_000), events: Vec::new() }
    }

    /// The next frame, and the identities of its detections.
    fn frame(&mut self, detections: &[Detection]) -> Vec<Option<u64>> {
        self.after(FRAME, detections).iter().map(|detection| detection.track_id.map(|id| id.0)).collect()
    }

    fn after(&mut self, elapsed: Duration, detections: &[Detection]) -> Vec<Detection> {
        self.now += elapsed;
        let mut detections = detections.to_vec();
        self.tracker.update(self.now, &mut detections, &mut self.events);
        detections
    }

    /// What happened to a track since this was asked last.
    fn life(&mut self, id: u64) -> Vec<TrackEventKind> {
        self.events.extract_if(.., |event| event.track.0 == id).map(|event| event.kind).collect()
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new(&TrackSettings::default())
    }
}

fn at(x: f32) -> Detection {
    let bounding_box = BoundingBox { x_min: x, y_min: 50.0, x_max: x + 40.0, y_max: 150.0 };
    Detection { class_id: PERSON, confidence: 0.9, bounding_box, track_id: None, mask: None }
}

fn scored(x: f32, confidence: f32) -> Detection {
    Detection { confidence, ..at(x) }
}

fn dog(x: f32) -> Detection {
    Detection { class_id: DOG, ..at(x) }
}

fn removed(reason: LostReason, frames: u32) -> TrackEventKind {
    TrackEventKind::Removed { reason, lifetime: FRAME * frames }
}

#[test]
fn what_the_first_frame_has_is_known_at_once_and_later_comers_when_they_are_found_again() {
    let mut scene = Scene::default();
    assert_eq!(scene.frame(&[at(0.0)]), [Some(1)]);
    assert_eq!(scene.frame(&[at(300.0), at(1.0)]), [None, Some(1)]);
    assert_eq!(scene.tracker.active(), 1);
    assert_eq!(scene.frame(&[at(2.0), at(302.0)]), [Some(1), Some(2)]);
    assert_eq!(scene.tracker.active(), 2);
    for id in [1, 2] {
        assert_eq!(scene.life(id), [TrackEventKind::Created, TrackEventKind::Confirmed]);
    }
}

#[test]
fn a_first_frame_without_detections_is_the_first_all_the_same() {
    let mut scene = Scene::default();
    assert_eq!(scene.frame(&[]), []);
    assert_eq!(scene.frame(&[at(0.0)]), [None]);
}

#[test]
fn what_is_not_found_again_at_once_is_replaced() {
    let mut scene = Scene::default();
    scene.frame(&[]);
    scene.frame(&[at(0.0)]);
    scene.frame(&[]);
    assert_eq!(scene.life(1), [TrackEventKind::Created, removed(LostReason::Replaced, 0)]);
}

#[test]
fn a_low_score_keeps_a_track_but_neither_begins_one_nor_finds_a_lost_one() {
    let mut scene = Scene::default();
    assert_eq!(scene.frame(&[at(0.0), scored(300.0, 0.3), scored(600.0, 0.55)]), [Some(1), None, None]);
    assert_eq!(scene.frame(&[scored(0.0, 0.2)]), [Some(1)]);
    assert_eq!(scene.frame(&[scored(0.0, 0.05)]), [None]);
    assert_eq!(scene.frame(&[scored(0.0, 0.4)]), [None]);
    assert_eq!(scene.frame(&[at(0.0)]), [Some(1)]);
    let life = [TrackEventKind::Created, TrackEventKind::Confirmed, TrackEventKind::Lost];
    assert_eq!(scene.life(1), [&life[..], &[TrackEventKind::Recovered]].concat());
}

#[test]
fn a_score_of_exactly_a_threshold_begins_a_track_but_is_not_high() {
    for threshold in [0.3, 0.55, 0.7] {
        let high = TrackSettings { high_threshold: threshold, ..TrackSettings::default() };
        let begins =
            TrackSettings { high_threshold: 0.2, new_threshold: threshold, ..TrackSettings::default() };
        assert_eq!(Scene::new(&high).frame(&[scored(0.0, threshold as f32)]), [None]);
        assert_eq!(Scene::new(&begins).frame(&[scored(0.0, threshold as f32)]), [Some(1)]);
    }
}

#[test]
fn a_lost_track_ends_after_the_same_time_at_any_frame_rate() {
    for fps in [4, 10, 25, 120] {
        let step = Duration::from_secs(1) / fps;
        for (away, same) in [(fps, true), (fps + 1, false)] {
            let mut scene = Scene::default();
            scene.frame(&[at(0.0)]);
            scene.after(step, &[at(0.0)]);
            (1..away).for_each(|_| drop(scene.after(step, &[])));
            let back = scene.after(step, &[at(0.0)])[0].track_id;
            assert_eq!(back, same.then_some(TrackId(1)), "{fps} frames a second, {away} later");
            let end = TrackEventKind::Removed { reason: LostReason::Lost, lifetime: step };
            assert_eq!(scene.life(1).contains(&end), !same, "{fps} frames a second, {away} later");
        }
    }
}

#[test]
fn frames_without_detections_age_tracks() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0)]);
    scene.life(1);
    (0..25).for_each(|_| drop(scene.frame(&[])));
    assert_eq!(scene.life(1), [TrackEventKind::Lost]);
    scene.frame(&[]);
    assert_eq!(scene.life(1), [removed(LostReason::Lost, 0)]);
}

#[test]
fn time_that_stands_still_or_jumps_back_ends_nothing() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0)]);
    (0..100).for_each(|_| drop(scene.after(Duration::ZERO, &[])));
    for _ in 0..100 {
        scene.now -= Duration::from_secs(60);
        scene.after(Duration::ZERO, &[]);
    }
    assert_eq!(scene.frame(&[at(0.0)]), [Some(1)]);
    // From there on it passes as ever.
    scene.after(Duration::from_millis(900), &[]);
    assert_eq!(scene.after(Duration::from_millis(101), &[at(0.0)])[0].track_id, None);
}

#[test]
fn a_jump_forward_ends_what_is_due() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0)]);
    scene.life(1);
    let back = scene.after(Duration::from_secs(3600), &[at(0.0)])[0].track_id;
    assert_eq!(back, None);
    assert_eq!(scene.life(1), [TrackEventKind::Lost, removed(LostReason::Lost, 0)]);
}

#[test]
fn the_label_is_the_majoritys_and_a_missed_frame_forgets_none() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0)]);
    scene.frame(&[at(0.0)]);
    scene.frame(&[]);
    let classes = |scene: &mut Scene| scene.after(FRAME, &[dog(0.0)])[0].class_id;
    assert_eq!([classes(&mut scene), classes(&mut scene), classes(&mut scene)], [PERSON, PERSON, DOG]);
    assert!(scene.events.iter().all(|event| event.class_id == PERSON));
    scene.tracker.finish(LostReason::Shutdown, &mut scene.events);
    assert!(scene.events.last().is_some_and(|event| event.class_id == DOG));
}

#[test]
fn labels_are_the_detections_own_unless_asked_for() {
    let mut scene = Scene::new(&TrackSettings { stabilise_labels: false, ..TrackSettings::default() });
    scene.frame(&[at(0.0)]);
    scene.frame(&[at(0.0)]);
    let found = &scene.after(FRAME, &[dog(0.0)])[0];
    assert_eq!((found.class_id, found.track_id), (DOG, Some(TrackId(1))));
}

#[test]
fn only_one_class_is_one_object_when_asked_for() {
    let mut scene = Scene::new(&TrackSettings { class_aware: true, ..TrackSettings::default() });
    assert_eq!(scene.frame(&[at(0.0), dog(2.0)]), [Some(1), Some(2)]);
    assert_eq!(scene.frame(&[dog(0.0), at(2.0)]), [Some(2), Some(1)]);
    assert_eq!(scene.frame(&[dog(0.0)]), [Some(2)]);
    // Lost at the same place, but no duplicate.
    assert_eq!(scene.frame(&[at(1.0), dog(0.0)]), [Some(1), Some(2)]);
}

#[test]
fn of_two_tracks_at_one_place_the_older_stays() {
    let mut scene = Scene::default();
    scene.frame(&[at(100.0)]);
    for frame in 0..12u8 {
        scene.frame(&[at(100.0), at(220.0 - 10.0 * f32::from(frame))]);
    }
    assert_eq!(scene.tracker.active(), 2);
    scene.frame(&[at(100.0)]);
    assert_eq!(scene.life(2).last(), Some(&removed(LostReason::Replaced, 11)));
    assert_eq!(scene.frame(&[at(100.0)]), [Some(1)]);
}

#[test]
fn smoothed_boxes_lie_near_the_detections_and_within_the_image() {
    let mut scene = Scene::new(&TrackSettings { smooth_boxes: true, ..TrackSettings::default() });
    for jitter in [0.0, 3.0, 0.0, 2.0, 0.0, 3.0, 0.0] {
        let original = at(jitter);
        let smoothed = scene.after(FRAME, std::slice::from_ref(&original))[0].bounding_box;
        assert!(smoothed.iou(&original.bounding_box) > 0.9 && smoothed.x_min >= 0.0, "{smoothed:?}");
    }
    let last = scene.after(FRAME, &[at(3.0)])[0].bounding_box;
    assert!(last.x_min > 0.5 && last.x_min < 2.5, "{last:?}");
}

#[test]
fn what_is_no_box_and_no_score_is_left_alone() {
    let poison = |x_min, x_max, confidence| Detection {
        confidence,
        bounding_box: BoundingBox { x_min, x_max, ..at(0.0).bounding_box },
        track_id: Some(TrackId(7)),
        ..at(0.0)
    };
    let bad = [
        poison(f32::NAN, 40.0, 0.9),
        poison(0.0, f32::INFINITY, 0.9),
        poison(40.0, 0.0, 0.9),
        poison(0.0, 40.0, f32::NAN),
        poison(0.0, 40.0, f32::INFINITY),
    ];
    let mut scene = Scene::default();
    for _ in 0..5 {
        let mut detections = bad.to_vec();
        detections.push(at(0.0));
        assert_eq!(scene.frame(&detections), [None, None, None, None, None, Some(1)]);
    }
}

#[test]
fn beyond_the_most_tracks_none_begins() {
    let mut scene = Scene::new(&TrackSettings { max_tracks: 2, ..TrackSettings::default() });
    assert_eq!(scene.frame(&[at(0.0), at(100.0), at(200.0)]), [Some(1), Some(2), None]);
    assert_eq!(scene.frame(&[at(200.0), at(0.0)]), [None, Some(1)]);
}

#[test]
fn in_the_end_all_tracks_end_and_identities_are_not_given_again() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0), at(100.0)]);
    scene.frame(&[at(0.0)]);
    scene.tracker.finish(LostReason::Shutdown, &mut scene.events);
    assert_eq!(scene.tracker.active(), 0);
    assert_eq!(scene.life(1).last(), Some(&removed(LostReason::Shutdown, 1)));
    assert_eq!(scene.life(2).last(), Some(&removed(LostReason::Shutdown, 0)));
    scene.frame(&[at(0.0)]);
    assert_eq!(scene.frame(&[at(0.0)]), [Some(3)]);
}

#[test]
fn memory_is_kept() {
    let mut scene = Scene::default();
    let frame = |offset: f32| [at(offset), at(100.0), at(200.0 - offset), at(300.0)];
    (0..5u8).for_each(|n| drop(scene.frame(&frame(f32::from(n)))));
    let sizes = |tracker: &Tracker| [tracker.tracks.capacity(), tracker.observations.capacity()];
    let before = sizes(&scene.tracker);
    (0..50u8).for_each(|n| drop(scene.frame(&frame(f32::from(n)))));
    assert_eq!(sizes(&scene.tracker), before);
}

#[test]
fn frames_that_come_slower_than_tracks_end_keep_them_all_the_same() {
    let mut scene = Scene::default();
    scene.frame(&[at(0.0)]);
    for _ in 0..5 {
        assert_eq!(scene.after(Duration::from_millis(1500), &[at(0.0)])[0].track_id, Some(TrackId(1)));
    }
    scene.after(Duration::from_millis(1500), &[]);
    assert_eq!(
        scene.after(Duration::from_millis(1), &[at(0.0)])[0].track_id,
        None,
        "missed once, and long ago"
    );
}
