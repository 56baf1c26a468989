//! The tracker of one stream.

use std::time::Duration;

use super::{
    LostReason, TrackEvent, TrackEventKind, TrackSettings,
    assignment::Assignment,
    frame_clock::FrameClock,
    overlap::Corners,
    track::{Observation, State, Track},
};
use crate::detection::{Detection, TrackId};

/// Overlap distance (1 - IoU) below which a low detection goes on a track.
const LOW_LIMIT: f64 = 0.5;
/// Distance (1 - IoU * score) below which a detection confirms a track.
const UNCONFIRMED_LIMIT: f64 = 0.7;
/// Overlap distance below which two tracks are one object.
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
    /// Indices of the tracks and observations of a stage.
    rows: Vec<usize>,
    columns: Vec<usize>,
    assignment: Assignment,
}

/// One stage of association.
struct Stage {
    /// Which tracks look for a detection.
    wants: fn(&Track) -> bool,
    /// Among the detections of high score or the others.
    high: bool,
    /// Whether the score weighs the overlap.
    fused: bool,
    /// Distance below which they match.
    limit: f64,
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
            rows: Vec::new(),
            columns: Vec::new(),
            assignment: Assignment::default(),
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
        self.begin(events);
        self.end_duplicates(events);
        self.mark(detections);
        self.started = true;
    }

    /// Ends all tracks. The tracker may go on; identities are not given again.
    pub fn finish(&mut self, reason: LostReason, events: &mut Vec<TrackEvent>) {
        events.extend(self.tracks.drain(..).map(|track| track.removed(reason)));
    }

    /// Ends what was not found for too long. This comes before association: after a gap a box in the same place need
    /// not be the same object.
    fn expire(&mut self, events: &mut Vec<TrackEvent>) {
        let (now, lost_after) = (self.clock.now(), self.settings.lost_after);
        let due = |track: &Track| track.unseen(now) > lost_after;
        let seen = self.tracks.iter_mut().filter(|track| track.state == State::Tracked);
        events.extend(seen.filter(|track| due(track)).map(Track::lose));
        self.remove(LostReason::Lost, due, events);
    }

    /// Sorts out the detections that tracks may take.
    fn observe(&mut self, detections: &mut [Detection]) {
        self.observations.clear();
        for (index, detection) in detections.iter_mut().enumerate() {
            detection.track_id = None;
            let score = f64::from(detection.confidence);
            if !score.is_finite() || score <= self.settings.low_threshold {
                continue;
            }
            let Some(corners) = Corners::new(&detection.bounding_box) else { continue };
            self.observations.push(Observation {
                detection: index,
                class_id: detection.class_id,
                score: score.min(1.0),
                corners,
                high: score > self.settings.high_threshold,
                taken: false,
            });
        }
    }

    fn associate_all(&mut self, events: &mut Vec<TrackEvent>) {
        let known = |track: &Track| track.state != State::Unconfirmed;
        let limit = self.settings.match_threshold;
        self.associate(&Stage { wants: known, high: true, fused: true, limit }, events);

        let missing = |track: &Track| track.is_missing(State::Tracked);
        self.associate(&Stage { wants: missing, high: false, fused: false, limit: LOW_LIMIT }, events);
        events.extend(self.tracks.iter_mut().filter(|track| missing(track)).map(Track::lose));

        let unconfirmed = |track: &Track| track.is_missing(State::Unconfirmed);
        let limit = UNCONFIRMED_LIMIT;
        self.associate(&Stage { wants: unconfirmed, high: true, fused: true, limit }, events);
        self.remove(LostReason::Replaced, unconfirmed, events);
    }

    fn associate(&mut self, stage: &Stage, events: &mut Vec<TrackEvent>) {
        self.select(stage);
        self.measure(stage);
        let now = self.clock.now();
        for (row, column) in self.rows.iter().zip(self.assignment.solve()) {
            let Some(column) = column else { continue };
            let found = &mut self.observations[self.columns[*column]];
            found.taken = true;
            let track = &mut self.tracks[*row];
            let changed = track.take(found, now);
            events.extend(changed.map(|kind| track.event(kind)));
        }
    }

    /// Collects the stage's tracks and detections.
    fn select(&mut self, stage: &Stage) {
        self.rows.clear();
        self.rows.extend((0..self.tracks.len()).filter(|index| (stage.wants)(&self.tracks[*index])));
        self.columns.clear();
        let free = |found: &Observation| found.high == stage.high && !found.taken;
        self.columns.extend((0..self.observations.len()).filter(|index| free(&self.observations[*index])));
    }

    /// Poses the problem of which of them belong together.
    fn measure(&mut self, stage: &Stage) {
        self.assignment.start(self.columns.len(), stage.limit);
        let class_aware = self.settings.class_aware;
        for row in &self.rows {
            let (track, corners) = (&self.tracks[*row], self.tracks[*row].corners());
            self.assignment.row(self.columns.iter().map(|column| {
                let found = &self.observations[*column];
                if class_aware && found.class_id != track.class_id() {
                    return f64::INFINITY;
                }
                1.0 - corners.iou(&found.corners) * if stage.fused { found.score } else { 1.0 }
            }));
        }
    }

    /// Begins a track with each sure detection that is left; in the first frame of all they need no confirmation.
    fn begin(&mut self, events: &mut Vec<TrackEvent>) {
        let state = if self.started { State::Unconfirmed } else { State::Tracked };
        let new =
            |found: &&Observation| found.high && !found.taken && found.score >= self.settings.new_threshold;
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
