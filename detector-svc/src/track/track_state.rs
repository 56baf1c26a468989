//! One object that is followed.

use std::time::Duration;

use super::{
    LostReason, TrackEvent, TrackEventKind, kalman::BoxFilter, label_vote::LabelVote,
    observation::Observation, overlap::Corners,
};
use crate::detection::TrackId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Found once; the next frame decides.
    Unconfirmed,
    /// Found in the last frame.
    Tracked,
    /// Not found in the last frame.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct Track {
    id: TrackId,
    pub(super) state: State,
    filter: BoxFilter,
    vote: LabelVote,
    /// Time of the first detection.
    first: Duration,
    /// Time of the last detection.
    last: Duration,
    /// Which detection of the present frame it took.
    pub(super) detection: Option<usize>,
    /// Whether another track is the same object.
    pub(super) duplicate: bool,
}

impl Track {
    /// A track that begins with an observation.
    pub(super) fn new(id: TrackId, state: State, found: &Observation, now: Duration, votes: usize) -> Self {
        Self {
            id,
            state,
            filter: BoxFilter::new(found.corners.shape()),
            vote: LabelVote::new(found.class_id, votes),
            first: now,
            last: now,
            detection: Some(found.detection),
            duplicate: false,
        }
    }

    pub(super) fn id(&self) -> TrackId {
        self.id
    }

    pub(super) fn class_id(&self) -> usize {
        self.vote.label()
    }

    pub(super) fn corners(&self) -> Corners {
        Corners::from_shape(self.filter.shape())
    }

    /// Whether it is to be in this frame and was not found yet.
    pub(super) fn is_missing(&self, state: State) -> bool {
        self.state == state && self.detection.is_none()
    }

    /// Time since it was last found.
    pub(super) fn unseen(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last)
    }

    /// Begins a frame, so many nominal frame intervals after the last. A track that is not yet confirmed has no
    /// motion to predict; as in the reference it does not grow less certain either.
    pub(super) fn predict(&mut self, intervals: f64) {
        self.detection = None;
        if self.state == State::Lost {
            self.filter.hold_height();
        }
        if self.state != State::Unconfirmed {
            self.filter.predict(intervals);
        }
    }

    /// Takes an observation, and says what that changes.
    pub(super) fn take(&mut self, found: &Observation, now: Duration) -> Option<TrackEventKind> {
        self.filter.correct(found.corners.shape());
        self.vote.cast(found.class_id);
        self.last = now;
        self.detection = Some(found.detection);
        match std::mem::replace(&mut self.state, State::Tracked) {
            State::Unconfirmed => Some(TrackEventKind::Confirmed),
            State::Tracked => None,
            State::Lost => Some(TrackEventKind::Recovered),
        }
    }

    /// Goes on out of sight.
    pub(super) fn lose(&mut self) -> TrackEvent {
        self.state = State::Lost;
        self.event(TrackEventKind::Lost)
    }

    /// Whether it has been followed for longer than another, or from earlier on for as long.
    pub(super) fn is_older(&self, other: &Self) -> bool {
        (self.lifetime(), other.id) > (other.lifetime(), self.id)
    }

    pub(super) fn event(&self, kind: TrackEventKind) -> TrackEvent {
        TrackEvent { track: self.id, class_id: self.class_id(), kind }
    }

    pub(super) fn removed(&self, reason: LostReason) -> TrackEvent {
        self.event(TrackEventKind::Removed { reason, lifetime: self.lifetime() })
    }

    fn lifetime(&self) -> Duration {
        self.last - self.first
    }
}
