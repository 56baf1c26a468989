//! What happens in the life of a track.

use std::time::Duration;

use crate::detection::TrackId;

/// Something that happened to a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackEvent {
    /// Which track.
    pub track: TrackId,
    /// What most of its detections so far are, as an index into the model's labels.
    pub class_id: usize,
    /// What happened.
    pub kind: TrackEventKind,
}

/// What may happen to a track. Every track is created once and removed once; in between it is confirmed at most once,
/// and lost and recovered in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackEventKind {
    /// A detection that no track took began it.
    Created,
    /// It was found again in the frame after its first, or began in the stream's first frame: its detections carry
    /// its identity from here on.
    Confirmed,
    /// A frame had nothing for it.
    Lost,
    /// It was found again after it was lost.
    Recovered,
    /// It is no more.
    Removed {
        /// Why.
        reason: LostReason,
        /// Frame time between its first and its last detection.
        lifetime: Duration,
    },
}

/// Why a track ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// It was not found for longer than `track.lost_after`.
    Lost,
    /// It was the double of an older track, or was not found in the frame after its first.
    Replaced,
    /// Tracking ended.
    Shutdown,
}

impl LostReason {
    /// Name, as in a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Shutdown => "shutdown",
        }
    }
}
