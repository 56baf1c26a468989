//! The tracker of one stream.

use std::time::Duration;

use super::{
    LostReason, TrackEvent, TrackEventKind, TrackSettings,
    association::{Association, Stage},
    frame_clock::FrameClock,
    observation::Observation,
    overlap::Corners,
    track_state::{State, Track},
};
use crate::detection::{Detection, TrackId};

/// Times `track.lost_after` that may lie between two frames: after more, nothing is taken for what it was.
const GAP: u32 = 10;
/// Overlap distance, 1 - IoU, below which two tracks are one object.
const DUPLICATE_LIMIT: f64 = 0.15;

/// Follows the objects of one stream. Memory is kept from frame to frame: in steady state nothing is allocated.
#[derive(Debug)]
pub struct Tracker {
    settings: TrackSettings,
    clock: FrameClock,
    /// Whether a frame has been seen.
    started: bool,
    last_id: u64,
    tracks: Vec<Track>,
    observations: Vec<Observation>,
    association: Association,
}

impl Tracker {
    /// A tracker for a stream of which nothing has been seen; `enabled` is the caller's to heed.
    #[must_use]
    pub fn new(settings: &TrackSettings) -> Self {
        Self {
            settings: settings.clone(),
            clock: FrameClock::default(),
            started: false,
            last_id: 0,
            tracks: Vec::new(),
            observations: Vec::new(),
            association: Association::default(),
        }
    }

    /// Tracks in sight that are confirmed.
    #[must_use]
    pub fn active(&self) -> usize {
        self.tracks.iter().filter(|track| track.state == State::Tracked).count()
    }

    /// Takes in a frame: its time since the epoch and its detections, in source-image pixels. Each detection that a
    /// confirmed track took gets its identity, and by option its class and box; all others lose theirs. What happened
    /// is added to `events`.
    ///
    /// Time that stands still or jumps back counts as none; after a jump forward every track is gone that was not
    /// found for longer than `lost_after`.
    pub fn update(&mut self, now: Duration, detections: &mut [Detection], events: &mut Vec<TrackEvent>) {
        let elapsed = self.clock.advance(now);
        self.expire(events);
        let intervals = elapsed.as_secs_f64() * self.settings.nominal_fps;
        self.tracks.iter_mut().for_each(|track| track.predict(intervals));
        self.observe(detections);
        self.associate_all(events);
        self.expire(events);
        self.begin(events);
        self.end_duplicates(events);
        self.mark(detections);
        self.started = true;
    }

    /// Ends all tracks. The tracker may go on; identities are not given again.
    pub fn finish(&mut self, reason: LostReason, events: &mut Vec<TrackEvent>) {
        events.extend(self.tracks.drain(..).map(|track| track.removed(reason)));
    }

    /// Ends what was lost for too long: before association, so that it is not found again then, and after it, when a
    /// track that the last frame had is missed in this one. However slow the frames come, each track has the chance of
    /// the next one, unless so much time has passed that a box in the same place need not be the same object.
    fn expire(&mut self, events: &mut Vec<TrackEvent>) {
        let (now, lost_after) = (self.clock.now(), self.settings.lost_after);
        let gap = |track: &Track| track.unseen(now) > lost_after.saturating_mul(GAP);
        let seen = self.tracks.iter_mut().filter(|track| track.state == State::Tracked);
        events.extend(seen.filter(|track| gap(track)).map(Track::lose));
        let due =
            |track: &Track| gap(track) || (track.state == State::Lost && track.unseen(now) > lost_after);
        self.remove(LostReason::Lost, due, events);
    }

    /// Sorts out the detections that tracks may take.
    fn observe(&mut self, detections: &mut [Detection]) {
        detections.iter_mut().for_each(|detection| detection.track_id = None);
        let seen = detections.iter().enumerate();
        self.observations.clear();
        self.observations
            .extend(seen.filter_map(|(index, one)| Observation::new(index, one, &self.settings)));
    }

    fn associate_all(&mut self, events: &mut Vec<TrackEvent>) {
        self.associate(&Stage::high(self.settings.match_threshold), events);
        self.associate(&Stage::LOW, events);
        let missing = self.tracks.iter_mut().filter(|track| track.is_missing(State::Tracked));
        events.extend(missing.map(Track::lose));
        self.associate(&Stage::UNCONFIRMED, events);
        self.remove(LostReason::Replaced, |track| track.is_missing(State::Unconfirmed), events);
    }

    fn associate(&mut self, stage: &Stage, events: &mut Vec<TrackEvent>) {
        let now = self.clock.now();
        let class_aware = self.settings.class_aware;
        for (track, found) in self.association.pairs(stage, class_aware, &self.tracks, &self.observations) {
            let (track, found) = (&mut self.tracks[track], &mut self.observations[found]);
            found.taken = true;
            let changed = track.take(found, now);
            events.extend(changed.map(|kind| track.event(kind)));
        }
    }

    /// Begins a track with each sure detection that is left; in the first frame of all they need no confirmation.
    fn begin(&mut self, events: &mut Vec<TrackEvent>) {
        let state = if self.started { State::Unconfirmed } else { State::Tracked };
        // As precise as scores are.
        let threshold = f64::from(self.settings.new_threshold as f32);
        let new = |found: &&Observation| found.high && !found.taken && found.score >= threshold;
        let room = self.settings.max_tracks.saturating_sub(self.tracks.len());
        for found in self.observations.iter().filter(new).take(room) {
            self.last_id += 1;
            let id = TrackId(self.last_id);
            let track = Track::new(id, state, found, self.clock.now(), self.settings.label_votes);
            events.push(track.event(TrackEventKind::Created));
            if state == State::Tracked {
                events.push(track.event(TrackEventKind::Confirmed));
            }
            self.tracks.push(track);
        }
    }

    /// Of a lost track and one in sight at the same place only the older stays.
    fn end_duplicates(&mut self, events: &mut Vec<TrackEvent>) {
        for lost in 0..self.tracks.len() {
            if self.tracks[lost].state != State::Lost {
                continue;
            }
            let corners = self.tracks[lost].corners();
            for seen in 0..self.tracks.len() {
                if self.are_duplicates(lost, &corners, seen) {
                    let younger = if self.tracks[seen].is_older(&self.tracks[lost]) { lost } else { seen };
                    self.tracks[younger].duplicate = true;
                }
            }
        }
        self.remove(LostReason::Replaced, |track| track.duplicate, events);
    }

    fn are_duplicates(&self, lost: usize, corners: &Corners, seen: usize) -> bool {
        let (lost, seen) = (&self.tracks[lost], &self.tracks[seen]);
        seen.state != State::Lost
            && !(self.settings.class_aware && lost.class_id() != seen.class_id())
            && 1.0 - corners.iou(&seen.corners()) < DUPLICATE_LIMIT
    }

    /// Tells the detections whose they are.
    fn mark(&self, detections: &mut [Detection]) {
        for track in self.tracks.iter().filter(|track| track.state == State::Tracked) {
            let Some(detection) = track.detection.and_then(|index| detections.get_mut(index)) else {
                continue;
            };
            detection.track_id = Some(track.id());
            if self.settings.stabilise_labels {
                detection.class_id = track.class_id();
            }
            if self.settings.smooth_boxes {
                let smoothed = track.corners().to_bounding_box(&detection.bounding_box);
                detection.bounding_box = smoothed.unwrap_or(detection.bounding_box);
            }
        }
    }

    fn remove(&mut self, reason: LostReason, gone: impl Fn(&Track) -> bool, events: &mut Vec<TrackEvent>) {
        self.tracks.retain(|track| {
            let gone = gone(track);
            events.extend(gone.then(|| track.removed(reason)));
            !gone
        });
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod lifecycle_tests;

#[cfg(test)]
#[path = "golden_tests.rs"]
mod golden_tests;
