//! Where frames come from.

mod feed;
pub mod files;
pub mod images;
pub mod redis;

use std::future::Future;

pub use self::feed::feed;
use crate::{
    frame::{Frame, FrameId, StreamId},
    ledger::DropReason,
};

/// Delivers frames of one stream or several.
pub trait FrameSource: Send {
    /// Waits for news for a second or so and tells all of it, in the order of each stream. Lost connections are
    /// the source's own business: it returns nothing until it has one again.
    fn read(&mut self) -> impl Future<Output = Vec<SourceEvent>> + Send;

    /// What a read that was broken off had found already.
    fn read_so_far(&mut self) -> Vec<SourceEvent>;
}

/// What a source has to tell.
#[derive(Debug)]
pub enum SourceEvent {
    /// The next frame of its stream.
    Frame(Frame),
    /// An entry that is no frame.
    Invalid {
        /// Its stream.
        stream: StreamId,
        /// Its identifier, as it was written.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Frames that were in a stream and are not delivered.
    Missed {
        /// Their stream.
        stream: StreamId,
        /// Why not.
        reason: DropReason,
        /// How many.
        frames: u64,
    },
    /// An entry that was delivered as often as is allowed, and never got a verdict.
    Poison {
        /// Its stream.
        stream: StreamId,
        /// Which entry.
        id: FrameId,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A stream was deleted and has begun again: identifiers may be lower than before.
    Restarted(StreamId),
    /// A stream is not read any more: it is gone, or another replica's.
    Ended(StreamId),
}
