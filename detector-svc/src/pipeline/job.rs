//! One image on its way through the pipeline, whoever it came from.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    detection::Detection,
    frame::{FrameId, Lease, Payload, RobotPose, StreamId},
    ledger::{DropReason, Failure, Ticket},
    model::{ClassSet, Model, Thresholds, Vocabulary},
};

use super::served::Served;

/// An image, where it came from, and its line in the ledger.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) payload: Payload,
    pub(crate) origin: Origin,
    pub(crate) ticket: Ticket,
    pub(crate) received: Instant,
    /// When nobody can use what is found any more.
    pub(crate) expires: Option<Instant>,
    /// How much a frame matters when not all can be looked at; higher is more.
    pub(crate) priority: i64,
}

/// Where an image came from, and so where its detections go.
#[derive(Debug)]
pub(crate) enum Origin {
    Stream(FrameOrigin),
    Request(Request),
}

/// A frame of a camera stream.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameOrigin {
    /// Its stream.
    pub stream: StreamId,
    /// Which entry of the stream it is.
    pub id: FrameId,
    /// When the camera took it, since the Unix epoch.
    pub captured: Duration,
    /// Where the camera was, when the frame says.
    pub robot_pose: Option<RobotPose>,
    /// Its `metadata` object as it was written; empty without one.
    pub metadata: Bytes,
    /// Under which lease it was read; without it nothing of it may be published. `None` when streams are not owned.
    pub lease: Option<Lease>,
}

/// An image of a caller who waits.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) thresholds: Thresholds,
    pub(crate) search: Search,
    /// Whether masks are wanted.
    pub(crate) masks: bool,
    /// Name under which objects are tracked from one image of the caller's to the next.
    pub(crate) session: Option<Arc<str>>,
    pub(crate) reply: oneshot::Sender<Result<Detected, DetectError>>,
}

/// What a caller has an image searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The model that knows it.
    pub(crate) served: Arc<Served>,
    /// Everything that the model looks for.
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// What of that is wanted.
    pub(crate) classes: ClassSet,
}

/// What was found in an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// The model that found it.
    pub model: Arc<Model>,
    /// What it was searched for: names for the classes of detections.
    pub vocabulary: Arc<Vocabulary>,
    /// Most confident first, in source-image pixels.
    pub detections: Vec<Detection>,
    /// Width of the source image in pixels.
    pub width: u32,
    /// Height of the source image in pixels.
    pub height: u32,
    /// Where the time went.
    pub timings: Timings,
}

/// Time spent on one image, stage by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From bytes to pixels.
    pub decode: Duration,
    /// Resizing and normalising.
    pub preprocess: Duration,
    /// Waiting in queues.
    pub queue: Duration,
    /// Running the model, for the whole batch.
    pub inference: Duration,
    /// From the model's outputs to detections.
    pub postprocess: Duration,
    /// Following objects from the image before; `None` where nothing is tracked.
    pub track: Option<Duration>,
    /// Making masks by a second model; `None` where none were made by one.
    pub segment: Option<Duration>,
    /// From receipt to detections, with their masks where they are wanted.
    pub total: Duration,
    /// Images in the batch.
    pub batch_size: usize,
}

/// Why a caller gets no detections.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The image is not one that can be looked at.
    #[error("{0}")]
    InvalidImage(String),
    /// Too many callers wait.
    #[error("{waiting} images are waiting already: try again later or send fewer at once")]
    Overloaded {
        /// How many.
        waiting: usize,
    },
    /// The caller's deadline passed before inference.
    #[error("the deadline passed before inference")]
    Expired,
    /// The service is ending.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The model did not run.
    #[error("inference failed: {0}")]
    Inference(String),
}

impl Detected {
    /// Name of a detection's class.
    #[must_use]
    pub fn label(&self, detection: &Detection) -> &str {
        self.vocabulary.labels.name(detection.class_id)
    }
}

impl Job {
    /// Gives the image up, telling who waits for it.
    pub(crate) fn give_up(self, reason: DropReason, error: DetectError) {
        self.ticket.dropped(reason);
        self.origin.refuse(error);
    }

    /// Ends in failure, telling who waits.
    pub(crate) fn fail(self, failure: Failure, error: DetectError) {
        self.origin.fail(self.ticket, failure, error);
    }

    /// Whether nobody can use what is found, which a frame of a stream is published with at `done` at the earliest. A
    /// caller is given the benefit of the doubt until `now`.
    pub(crate) fn is_expired(&self, now: Instant, done: Instant) -> bool {
        match &self.origin {
            Origin::Stream(_) => self.expires.is_some_and(|expires| done > expires),
            Origin::Request(request) => {
                request.reply.is_closed() || self.expires.is_some_and(|expires| now >= expires)
            }
        }
    }

    /// Whether a caller waits for the answer.
    pub(crate) fn is_callers(&self) -> bool {
        self.origin.is_callers()
    }

    /// The tracking session that the image is part of.
    pub(crate) fn session(&self) -> Option<Arc<str>> {
        match &self.origin {
            Origin::Request(request) => request.session.clone(),
            Origin::Stream(_) => None,
        }
    }
}

impl Origin {
    /// Whether a caller waits for the answer.
    pub(crate) fn is_callers(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// Whether masks are wanted; those of streams' frames are when `of_streams` says so.
    pub(crate) fn wants_masks(&self, of_streams: bool) -> bool {
        match self {
            Self::Stream(_) => of_streams,
            Self::Request(request) => request.masks,
        }
    }

    /// Ends in failure, telling who waits.
    pub(crate) fn fail(self, ticket: Ticket, failure: Failure, error: DetectError) {
        ticket.failed(failure);
        self.refuse(error);
    }

    fn refuse(self, error: DetectError) {
        if let Self::Request(request) = self {
            // A caller who has gone is not told.
            let _ = request.reply.send(Err(error));
        }
    }
}
