//! How a frame ends when it is not processed.

use super::receipt::Outcome;

/// Why a frame was given up without being at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// A newer frame of its stream arrived first.
    Superseded,
    /// The queue was full.
    Backpressure,
    /// Its deadline passed, or its caller left, before inference.
    Expired,
    /// Its publisher trimmed it from the stream before it was read.
    Trimmed,
    /// Its entry was read before, or another replica looks at it.
    Duplicate,
    /// Robot or camera moved while it was taken.
    Moving,
    /// The process ended.
    Shutdown,
}

impl DropReason {
    pub(super) const ALL: [Self; 7] = [
        Self::Superseded,
        Self::Backpressure,
        Self::Expired,
        Self::Trimmed,
        Self::Duplicate,
        Self::Moving,
        Self::Shutdown,
    ];

    /// Value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Backpressure => "backpressure",
            Self::Expired => "expired",
            Self::Trimmed => "trimmed",
            Self::Duplicate => "duplicate",
            Self::Moving => "moving",
            Self::Shutdown => "shutdown",
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Shutdown => Outcome::Redeliver,
            _ => Outcome::Acknowledge,
        }
    }
}

/// What a frame failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its entry breaks the rules of the stream.
    Invalid,
    /// It was delivered as often as is allowed, and never got a verdict.
    Poison,
    /// Its bytes are no image.
    Decode,
    /// The model did not run.
    Inference,
    /// Its detections could not be published.
    Publish,
}

impl Failure {
    pub(super) const ALL: [Self; 5] =
        [Self::Invalid, Self::Poison, Self::Decode, Self::Inference, Self::Publish];

    /// Value of the `component` label.
    pub(super) fn component(self) -> &'static str {
        match self {
            Self::Invalid | Self::Poison => "source",
            Self::Decode => "preprocess",
            Self::Inference => "model",
            Self::Publish => "publisher",
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Invalid | Self::Poison | Self::Decode => Outcome::Acknowledge,
            Self::Inference => Outcome::Retry,
            Self::Publish => Outcome::Redeliver,
        }
    }

    /// Value of the `error_type` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Poison => "poison",
            Self::Decode => "decode",
            Self::Inference => "inference",
            Self::Publish => "publish",
        }
    }
}
