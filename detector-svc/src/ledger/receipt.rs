//! How a source that has to acknowledge frames learns what became of each.

use tokio::sync::mpsc::UnboundedSender;

use crate::frame::{FrameId, StreamId};

/// What a source does about a frame that has its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledge it: it was published, or nothing will ever come of it.
    Acknowledge,
    /// Deliver it again: the fault was the frame's, perhaps, and counts as one of its attempts.
    Retry,
    /// Deliver it again: the fault was not the frame's.
    Redeliver,
}

/// A frame that has its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its stream.
    pub stream: StreamId,
    /// Which frame.
    pub id: FrameId,
    /// What to do about it.
    pub outcome: Outcome,
}

/// Tells the frame's source of its verdict, once. Their number is that of the frames in flight, so the channel
/// needs no bound of its own.
#[derive(Debug)]
pub struct Receipt {
    stream: StreamId,
    id: FrameId,
    to: UnboundedSender<Settled>,
}

impl Receipt {
    /// A receipt for one frame, whose verdict goes to `to`.
    #[must_use]
    pub fn new(stream: StreamId, id: FrameId, to: UnboundedSender<Settled>) -> Self {
        Self { stream, id, to }
    }

    pub(super) fn settle(self, outcome: Outcome) {
        let Self { stream, id, to } = self;
        // A source that has ended does not ask any more: the frame stays unacknowledged.
        let _ = to.send(Settled { stream, id, outcome });
    }
}
