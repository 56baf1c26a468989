//! Which track takes which detection.

use super::{
    assignment::Assignment,
    observation::Observation,
    overlap::Corners,
    track_state::{State, Track},
};

/// One stage of association.
pub(super) struct Stage {
    /// Which tracks look for a detection.
    wants: fn(&Track) -> bool,
    /// Among the detections of high score or the others.
    high: bool,
    /// Whether the score weighs the overlap.
    fused: bool,
    /// Distance, 1 - IoU (* score), below which they match.
    limit: f64,
}

impl Stage {
    /// Tracks that were confirmed, in sight or lost, take detections of high score.
    pub(super) fn high(match_threshold: f64) -> Self {
        Self {
            wants: |track| track.state != State::Unconfirmed,
            high: true,
            fused: true,
            limit: match_threshold,
        }
    }

    /// Tracks in sight that are still missing take detections of low score, by overlap alone.
    pub(super) const LOW: Self =
        Self { wants: |track| track.is_missing(State::Tracked), high: false, fused: false, limit: 0.5 };

    /// New tracks take what is left of high score.
    pub(super) const UNCONFIRMED: Self =
        Self { wants: |track| track.is_missing(State::Unconfirmed), high: true, fused: true, limit: 0.7 };

    fn distance(&self, track: &Corners, found: &Observation) -> f64 {
        1.0 - track.iou(&found.corners) * if self.fused { found.score } else { 1.0 }
    }
}

/// Pairs tracks with observations; keeps its memory from one stage to the next.
#[derive(Debug, Default)]
pub(super) struct Association {
    /// Indices of the stage's tracks.
    rows: Vec<usize>,
    /// Indices of its observations.
    columns: Vec<usize>,
    assignment: Assignment,
}

impl Association {
    /// Indices of a track and an observation for each that belong together; by option only of one class.
    pub(super) fn pairs<'a>(
        &'a mut self,
        stage: &Stage,
        class_aware: bool,
        tracks: &[Track],
        observations: &[Observation],
    ) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let free = |found: &Observation| found.high == stage.high && !found.taken;
        fill(&mut self.rows, tracks, stage.wants);
        fill(&mut self.columns, observations, free);
        self.assignment.start(self.columns.len(), stage.limit);
        for row in &self.rows {
            let (class_id, corners) = (tracks[*row].class_id(), tracks[*row].corners());
            self.assignment.row(self.columns.iter().map(|column| {
                let found = &observations[*column];
                let apart = class_aware && found.class_id != class_id;
                if apart { f64::INFINITY } else { stage.distance(&corners, found) }
            }));
        }
        let taken = self.rows.iter().zip(self.assignment.solve());
        taken.filter_map(|(row, column)| column.map(|column| (*row, self.columns[column])))
    }
}

/// Indices of those that are wanted.
fn fill<T>(indices: &mut Vec<usize>, all: &[T], wanted: impl Fn(&T) -> bool) {
    indices.clear();
    indices.extend((0..all.len()).filter(|index| wanted(&all[*index])));
}
