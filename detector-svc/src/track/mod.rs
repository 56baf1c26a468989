//! Follows objects over the frames of one stream: ByteTrack, with time from the frames and lifecycle events out.
//!
//! The algorithm is that of Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box",
//! ECCV 2022, with the stages, thresholds and noise of its reference implementation. A frame goes through
//! [`Tracker::update`]: tracks unmatched for too long end, the Kalman filters predict, detections are associated in
//! three stages, what no track took begins new tracks, and duplicates end.
//!
//! What differs from the reference, on purpose:
//! - Time is the frames', not a count of frames: a track lives on for `track.lost_after`, whatever the frame rate.
//!   The reference still finds a track two frames after its buffer has run out; here its end is its end.
//! - After a gap of ten times that between two frames everything is new.
//! - The overlap of boxes is that of their real extents; the reference counts a pixel more in each direction.
//! - Detections of a score of exactly `track.high_threshold` are of low score; the reference leaves them out.
//! - Boxes that are not finite or have no area, and scores that are not numbers, are no detections.

mod assignment;
mod association;
mod event;
mod frame_clock;
mod kalman;
mod label_vote;
mod observation;
mod overlap;
mod settings;
mod track_state;
mod tracker;

pub use self::{
    event::{LostReason, TrackEvent, TrackEventKind},
    settings::TrackSettings,
    tracker::Tracker,
};
