//! Decoding and resizing, on a few threads of their own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use vision_service::rate_limit::OncePer;

use super::{
    DetectError, PipelineHandle,
    intake::{Intake, Place},
    job::{Job, Origin},
    served::{Current, Served},
};
use crate::{
    image::{DecodeError, Decoder, FASTEST_ORDER, Image, Limits},
    ledger::{DropReason, Failure},
    model::{Model, Vocabulary},
    preprocess::{Fitted, Fitter, PreprocessError},
    spare::Spare,
};

/// Lets one log line a second tell of images that are none.
static BAD_IMAGES: OncePer = OncePer::new(Duration::from_secs(1));

/// An image at the model's size, with its place in the pipeline.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) job: Job,
    /// The model that it is for.
    pub(super) served: Arc<Served>,
    /// What it is searched for.
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) image: Fitted,
    /// The image as it was decoded, when it is to be shown or to be segmented.
    pub(super) kept: Option<Image>,
    pub(super) place: Place,
    pub(super) decode_started: Instant,
    pub(super) decoded: Instant,
    pub(super) ready: Instant,
}

#[derive(Debug, thiserror::Error)]
enum PrepareError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
}

/// One thread's means to prepare images.
pub(super) struct Preparer {
    intake: Arc<Intake>,
    prepared: Sender<Prepared>,
    /// How many the batcher has not taken yet.
    waiting: Arc<AtomicUsize>,
    decoder: Decoder,
    /// The image in hand; its memory serves one after the other.
    image: Image,
    /// Fits images to the model that it was made for, which it does not keep in service.
    fitter: (Weak<Served>, Fitter),
    current: Current,
    /// Memory that images are fitted into.
    buffers: Spare<u8>,
    limits: Limits,
    keep: Keep,
}

/// What images are kept for as they were decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    /// Whether the frames of streams are to be shown.
    pub(super) shown: bool,
    /// Whether masks are wanted for the frames of streams.
    pub(super) stream_masks: bool,
    /// Whether there is a segmenter, which makes the masks that the model does not.
    pub(super) segmented: bool,
}

impl Preparer {
    pub(super) fn new(
        pipeline: &PipelineHandle,
        prepared: Sender<Prepared>,
        buffers: Spare<u8>,
        limits: Limits,
        keep: Keep,
    ) -> Self {
        let served = pipeline.current.load();
        let fitter = Fitter::new(&served.model.input, buffers.clone());
        Self {
            intake: Arc::clone(&pipeline.intake),
            waiting: Arc::clone(&pipeline.prepared),
            prepared,
            decoder: Decoder::new(),
            image: Image::default(),
            fitter: (Arc::downgrade(&served), fitter),
            current: pipeline.current.clone(),
            buffers,
            limits,
            keep,
        }
    }

    /// Works until the intake is closed and empty.
    pub(super) fn run(mut self) {
        while let Some((job, place, decoding)) = self.intake.take() {
            let decode_started = Instant::now();
            if job.is_expired(decode_started, decode_started) {
                job.give_up(DropReason::Expired, DetectError::Expired);
                continue;
            }
            let (served, vocabulary) = self.search(&job);
            let (image, kept, decoded) = match self.prepare(&job, &served) {
                Ok(prepared) => prepared,
                Err(error) => {
                    refuse(job, &error);
                    continue;
                }
            };
            let ready = Instant::now();
            let prepared =
                Prepared { job, served, vocabulary, image, kept, place, decode_started, decoded, ready };
            self.waiting.fetch_add(1, Relaxed);
            // A closed channel means that the batcher has ended: the ledger sees the frame dropped.
            if self.prepared.send(prepared).is_err() {
                self.waiting.fetch_sub(1, Relaxed);
            }
            drop(decoding);
        }
    }

    /// The model that an image is for, and what it is searched for.
    fn search(&self, job: &Job) -> (Arc<Served>, Arc<Vocabulary>) {
        match &job.origin {
            Origin::Request(request) => {
                (Arc::clone(&request.search.served), Arc::clone(&request.search.vocabulary))
            }
            Origin::Stream(_) => {
                let served = self.current.load();
                let vocabulary = served.vocabulary();
                (served, vocabulary)
            }
        }
    }

    /// An image that makes a decoder panic is a bad image, and no reason to stop decoding others.
    fn prepare(
        &mut self,
        job: &Job,
        served: &Arc<Served>,
    ) -> Result<(Fitted, Option<Image>, Instant), PrepareError> {
        let decode = || self.decoder.decode(&job.payload, FASTEST_ORDER, self.limits, &mut self.image);
        catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(DecodeError::Panicked))?;
        let decoded = Instant::now();
        let kept = self.keep.keeps(job, &served.model).then(|| self.image.clone());
        if Weak::as_ptr(&self.fitter.0) != Arc::as_ptr(served) {
            let fitter = Fitter::new(&served.model.input, self.buffers.clone());
            self.fitter = (Arc::downgrade(served), fitter);
        }
        Ok((self.fitter.1.fit(&mut self.image)?, kept, decoded))
    }
}

impl Keep {
    fn keeps(&self, job: &Job, model: &Model) -> bool {
        let shown = self.shown && !job.is_callers();
        shown || (self.segmented && job.origin.wants_masks(self.stream_masks) && !model.has_masks())
    }
}

impl Prepared {
    /// Whether it may be in one batch with images for this model that are searched for this.
    pub(super) fn goes_with(&self, served: &Arc<Served>, vocabulary: &Arc<Vocabulary>) -> bool {
        Arc::ptr_eq(&self.served, served) && Arc::ptr_eq(&self.vocabulary, vocabulary)
    }
}

fn refuse(job: Job, error: &PrepareError) {
    if let Origin::Stream(frame) = &job.origin
        && let Some(suppressed) = BAD_IMAGES.pass(Instant::now())
    {
        tracing::warn!(stream = %frame.stream, frame = %frame.id, %error, suppressed, "frame skipped: its image cannot be decoded");
    }
    job.fail(Failure::Decode, DetectError::InvalidImage(error.to_string()));
}
