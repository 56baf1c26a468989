//! How a frame ends when it is not processed.

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
    /// Its entry was read before.
    Duplicate,
    /// The process ended.
    Shutdown,
}

impl DropReason {
    pub(super) const ALL: [Self; 6] =
        [Self::Superseded, Self::Backpressure, Self::Expired, Self::Trimmed, Self::Duplicate, Self::Shutdown];

    /// Value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Backpressure => "backpressure",
            Self::Expired => "expired",
            Self::Trimmed => "trimmed",
            Self::Duplicate => "duplicate",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What a frame failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its entry breaks the rules of the stream.
    Invalid,
    /// Its bytes are no image.
    Decode,
    /// The model did not run.
    Inference,
    /// Its detections could not be published.
    Publish,
}

impl Failure {
    pub(super) const ALL: [Self; 4] = [Self::Invalid, Self::Decode, Self::Inference, Self::Publish];

    /// Value of the `component` label.
    pub(super) fn component(self) -> &'static str {
        match self {
            Self::Invalid => "source",
            Self::Decode => "preprocess",
            Self::Inference => "model",
            Self::Publish => "publisher",
        }
    }

    /// Value of the `error_type` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Decode => "decode",
            Self::Inference => "inference",
            Self::Publish => "publish",
        }
    }
}
