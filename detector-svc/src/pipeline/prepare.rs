//! Decoding and resizing, on a few threads of their own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
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
};
use crate::{
    image::{DecodeError, Decoder, FASTEST_ORDER, Image, Limits},
    ledger::{DropReason, Failure},
    preprocess::{Fitted, Fitter, PreprocessError},
    spare::Spare,
};

/// Lets one log line a second tell of images that are none.
static BAD_IMAGES: OncePer = OncePer::new(Duration::from_secs(1));

/// An image at the model's size, with its place in the pipeline.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) job: Job,
    pub(super) image: Fitted,
    /// The image as it was decoded, when it is to be shown.
    pub(super) shown: Option<Image>,
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
    fitter: Fitter,
    limits: Limits,
    /// Whether the frames of streams are wanted as pictures, too.
    keep_images: bool,
}

impl Preparer {
    pub(super) fn new(
        pipeline: &PipelineHandle,
        prepared: Sender<Prepared>,
        buffers: Spare<u8>,
        limits: Limits,
        keep_images: bool,
    ) -> Self {
        let input = &pipeline.model.input;
        Self {
            intake: Arc::clone(&pipeline.intake),
            waiting: Arc::clone(&pipeline.prepared),
            prepared,
            decoder: Decoder::new(),
            image: Image::default(),
            fitter: Fitter::new(input, buffers),
            limits,
            keep_images,
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
            let (image, shown, decoded) = match self.prepare(&job) {
                Ok(prepared) => prepared,
                Err(error) => {
                    refuse(job, &error);
                    continue;
                }
            };
            let ready = Instant::now();
            let prepared = Prepared { job, image, shown, place, decode_started, decoded, ready };
            self.waiting.fetch_add(1, Relaxed);
            // A closed channel means that the batcher has ended: the ledger sees the frame dropped.
            if self.prepared.send(prepared).is_err() {
                self.waiting.fetch_sub(1, Relaxed);
            }
            drop(decoding);
        }
    }

    /// An image that makes a decoder panic is a bad image, and no reason to stop decoding others.
    fn prepare(&mut self, job: &Job) -> Result<(Fitted, Option<Image>, Instant), PrepareError> {
        let decode = || self.decoder.decode(&job.payload, FASTEST_ORDER, self.limits, &mut self.image);
        catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(DecodeError::Panicked))?;
        let decoded = Instant::now();
        let shown = (self.keep_images && !job.is_callers()).then(|| self.image.clone());
        Ok((self.fitter.fit(&mut self.image)?, shown, decoded))
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
