//! The way into a running pipeline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use tokio::sync::{mpsc::WeakSender, oneshot};
use vision_service::clock::unix_now;

use super::{
    DetectError, DetectRequest, Detected, FrameOrigin, FrameResult,
    bottleneck::Bottleneck,
    intake::Intake,
    job::{Job, Origin, Request},
    served::{Current, Served},
    settings::Expiry,
};
use crate::{
    detection::Detection,
    frame::{Encoding, Frame, Payload, StreamId},
    inference::LoadedModel,
    ledger::Ledger,
    model::VocabularyError,
    spare::Spare,
};

/// The way into a running pipeline; cheap to clone.
#[derive(Clone, Debug)]
pub struct PipelineHandle {
    pub(super) intake: Arc<Intake>,
    pub(super) ledger: Ledger,
    pub(super) bottleneck: Arc<Bottleneck>,
    pub(super) current: Current,
    /// Images prepared and not in a batch yet.
    pub(super) prepared: Arc<AtomicUsize>,
    /// Images to be segmented; `None` without a segmenter.
    pub(super) segmenting: Option<Arc<AtomicUsize>>,
    pub(super) results: WeakSender<FrameResult>,
    pub(super) expiry: Expiry,
    /// Streams whose tracks are to end.
    pub(super) ended_streams: Sender<StreamId>,
    pub(super) spare: Spare<Detection>,
}

/// How many wait in each queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depths {
    /// Frames to be decoded.
    pub(crate) intake: usize,
    /// Callers' images to be decoded.
    pub(crate) requests: usize,
    /// Images to be put in a batch.
    pub(crate) batch: usize,
    /// Images to be segmented.
    pub(crate) segment: usize,
    /// Results to be published.
    pub(crate) publish: usize,
}

impl PipelineHandle {
    /// Takes a frame of a stream in, as the stream's policy has it.
    pub fn offer(&self, frame: Frame) {
        let Frame { stream, id, captured, payload, metadata, lease, receipt } = frame;
        let ticket = self.ledger.receive(&stream, receipt);
        let origin = FrameOrigin {
            stream: stream.clone(),
            id,
            captured,
            robot_pose: metadata.robot_pose,
            metadata: metadata.json,
            lease,
        };
        let received = Instant::now();
        let job = Job {
            payload,
            origin: Origin::Stream(origin),
            ticket,
            received,
            expires: self.expiry.expires(received, unix_now().saturating_sub(captured)),
            priority: metadata.priority,
        };
        self.intake.offer(&stream, id, job);
    }

    /// Frames of a stream that would find a place without another giving way.
    #[must_use]
    pub fn room(&self, stream: &StreamId) -> usize {
        self.intake.room(stream)
    }

    /// Lets go of what is kept for a stream that has ended. Frames that wait are still looked at.
    pub fn end_stream(&self, stream: &StreamId) {
        self.intake.end_stream(stream);
        self.ledger.forget(stream);
        // Trackers are gone when the pipeline is.
        let _ = self.ended_streams.send(stream.clone());
    }

    /// Detects objects in a caller's image.
    ///
    /// # Errors
    /// [`DetectError`] when there is no answer to be had.
    pub async fn detect(&self, request: DetectRequest) -> Result<Detected, DetectError> {
        let DetectRequest { image, thresholds, search, masks, session, deadline } = request;
        let (reply, answer) = oneshot::channel();
        let payload = Payload { bytes: image, base64: false, encoding: Encoding::AnyFile };
        let ticket = self.ledger.receive(&StreamId::new(StreamId::DETECT), None);
        let origin = Origin::Request(Request { thresholds, search, masks, session, reply });
        let received = Instant::now();
        self.intake.submit(Job { payload, origin, ticket, received, expires: deadline, priority: 0 });
        let answer = async { answer.await.unwrap_or(Err(DetectError::ShuttingDown)) };
        match deadline {
            // Once the answer is not waited for, the image is not looked at any more.
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or(Err(DetectError::Expired))
            }
            None => answer.await,
        }
    }

    /// Waits until a stream has room for a frame, at most for `patience`.
    pub async fn vacancy(&self, patience: Duration) {
        self.intake.vacancy(patience).await;
    }

    /// Lets a stream start over with lower entry identifiers, after it was deleted.
    pub fn restart_stream(&self, stream: &StreamId) {
        self.intake.forget_last(stream);
        let _ = self.ended_streams.send(stream.clone());
    }

    /// Leaves the memory of detections that nobody needs any more to the next image.
    pub fn give_back(&self, mut detected: Detected) {
        // Masks are large, and must not wait for the next image.
        detected.detections.clear();
        self.spare.give_back(detected.detections);
    }

    /// The frame ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The model in service.
    pub(crate) fn served(&self) -> Arc<Served> {
        self.current.load()
    }

    /// Whether masks can be had with what a model finds: it makes them itself, or a segmenter does.
    pub(crate) fn makes_masks(&self, served: &Served) -> bool {
        self.segmenting.is_some() || served.model.has_masks()
    }

    /// Has another model take over from the next image on; those prepared for the one before are finished with it.
    pub fn replace_model(&self, loaded: LoadedModel) {
        self.current.replace(Served::new(loaded));
    }

    /// Has streams searched for these labels from the next frame on.
    ///
    /// # Errors
    /// [`VocabularyError`]: the model has classes of its own, or cannot be asked for these labels; nothing changes.
    pub fn set_vocabulary(&self, labels: &[String]) -> Result<(), VocabularyError> {
        self.current.set_vocabulary(labels)
    }

    pub(crate) fn depths(&self) -> Depths {
        let (intake, requests) = self.intake.waiting();
        let publish = self.results.upgrade().map_or(0, |results| results.max_capacity() - results.capacity());
        let segment = self.segmenting.as_ref().map_or(0, |waiting| waiting.load(Relaxed));
        Depths { intake, requests, batch: self.prepared.load(Relaxed), segment, publish }
    }

    pub(crate) fn bottleneck(&self) -> &Bottleneck {
        &self.bottleneck
    }
}
