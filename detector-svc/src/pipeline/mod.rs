//! From frames and callers' images to detections: decode, batch, infer, postprocess, each on threads of its own.
//!
//! ```text
//! offer ─[newest of each stream]─┐
//!                                ├→ prepare ─→ batcher ─[2 tensors]→ infer ─→ finish ─→ results
//! detect ─[bounded queue]────────┘                                               └────→ callers
//! ```

mod batcher;
mod bottleneck;
mod finish;
mod infer;
mod intake;
mod job;
mod metrics;
mod prepare;
mod settings;

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use crossbeam_channel::bounded;
use tokio::sync::{mpsc, oneshot};
use vision_metrics::catalogue::INFERENCE_PROVIDER_INFO;
use vision_metrics_client::Recorder;

pub(crate) use self::bottleneck::{Bottleneck, BottleneckGauges};
use self::{
    batcher::Batcher,
    finish::Finisher,
    infer::Inference,
    intake::{Intake, IntakeLimits},
    job::{Job, Origin, Request},
    metrics::PipelineMetrics,
    prepare::Preparer,
};
pub use self::{
    job::{DetectError, Detected, FrameOrigin, Timings},
    settings::{BatchSettings, ImageSettings, PipelineSettings},
};
use crate::{
    frame::{Encoding, Frame, Payload, StreamId},
    image::Limits,
    inference::{LoadedModel, Provider},
    ledger::{Ledger, Ticket},
    model::{Model, Thresholds},
    preprocess::Normaliser,
};

/// Tensors in circulation: the model works on one while the next batch is gathered in the other.
const TENSORS: usize = 2;

/// A frame of a stream with what was found in it; its verdict is up to the publisher.
#[derive(Debug)]
pub struct FrameResult {
    /// Which frame.
    pub frame: FrameOrigin,
    /// What was found.
    pub detected: Detected,
    /// Its line in the ledger.
    pub ticket: Ticket,
    /// When it was received.
    pub received: Instant,
}

/// An image of a caller who waits for the answer.
#[derive(Clone, Debug)]
pub struct DetectRequest {
    /// JPEG, PNG or WebP file.
    pub image: bytes::Bytes,
    /// What counts as a detection.
    pub thresholds: Thresholds,
    /// Class identifiers asked for; empty: all.
    pub classes: Vec<usize>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// The way into a running pipeline; cheap to clone.
#[derive(Clone, Debug)]
pub struct PipelineHandle {
    intake: Arc<Intake>,
    ledger: Ledger,
    bottleneck: Arc<Bottleneck>,
    model: Arc<Model>,
    provider: Provider,
}

/// A running pipeline: its threads.
#[derive(Debug)]
pub struct Pipeline {
    handle: PipelineHandle,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads. Results of stream frames go to `results`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(
        loaded: LoadedModel,
        settings: &PipelineSettings,
        thresholds: Thresholds,
        recorder: &Recorder,
        results: mpsc::Sender<FrameResult>,
    ) -> io::Result<Self> {
        let LoadedModel { model, session } = loaded;
        let (model, provider) = (Arc::new(model), session.provider());
        let info = [model.id.as_str(), provider.as_str(), provider.device()];
        recorder.gauge(&INFERENCE_PROVIDER_INFO, &info).set(1.0);
        let handle = PipelineHandle {
            intake: Arc::new(Intake::new(IntakeLimits {
                requests: settings.batch.queue_capacity,
                frames_per_stream: settings.batch.max_per_stream,
            })),
            ledger: Ledger::new(recorder, &model.id),
            bottleneck: Arc::default(),
            model: Arc::clone(&model),
            provider,
        };
        let metrics = PipelineMetrics::new(recorder, &model, provider.device());
        let max_age = settings.batch.max_age();
        let normaliser = Normaliser::new(model.input.clone());

        let (prepared_tx, prepared) = bounded(settings.batch.max_size);
        let (free_tx, free) = bounded(TENSORS);
        let (batches_tx, batches) = bounded(TENSORS);
        let (inferred_tx, inferred) = bounded(1);
        for _ in 0..TENSORS {
            let tensor = vec![0.0; settings.batch.max_size * normaliser.slot_len()];
            // The channel has room for every tensor.
            let _ = free_tx.send(tensor);
        }
        let mut threads = Vec::new();
        for number in 0..settings.image.threads.get() {
            let limits = Limits { max_side: settings.image.max_side };
            let intake = Arc::clone(&handle.intake);
            let preparer = Preparer::new(intake, prepared_tx.clone(), &model, limits, max_age);
            threads.push(spawn(&format!("prepare-{number}"), || preparer.run())?);
        }
        let batcher = Batcher { prepared, free, batches: batches_tx, normaliser, max_age };
        threads.push(spawn("batcher", || batcher.run())?);
        let bottleneck = Arc::clone(&handle.bottleneck);
        let inference = Inference { session, batches, free: free_tx, inferred: inferred_tx, bottleneck };
        threads.push(spawn("inference", || inference.run())?);
        let finisher = Finisher { model, thresholds, inferred, results, metrics };
        threads.push(spawn("finish", || finisher.run())?);
        Ok(Self { handle, threads })
    }

    /// The way in.
    #[must_use]
    pub fn handle(&self) -> PipelineHandle {
        self.handle.clone()
    }

    /// Takes no more, gives up what waits, finishes what is decoded or later, and ends.
    pub fn shut_down(self) {
        self.handle.intake.close();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a pipeline thread panicked");
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

impl PipelineHandle {
    /// Puts a frame of a stream in its place, where a newer one supersedes it.
    pub fn offer(&self, frame: Frame) {
        let Frame { stream, id, captured, payload, metadata } = frame;
        let ticket = self.ledger.receive(&stream);
        let origin = FrameOrigin { stream: stream.clone(), id, captured, robot_pose: metadata.robot_pose };
        let job = Job { payload, origin: Origin::Stream(origin), ticket, received: Instant::now() };
        self.intake.offer(&stream, id, job);
    }

    /// Detects objects in a caller's image.
    ///
    /// # Errors
    /// [`DetectError`] when there is no answer to be had.
    pub async fn detect(&self, request: DetectRequest) -> Result<Detected, DetectError> {
        let DetectRequest { image, thresholds, classes, deadline } = request;
        let (reply, answer) = oneshot::channel();
        let payload = Payload { bytes: image, base64: false, encoding: Encoding::AnyFile };
        let ticket = self.ledger.receive(&StreamId::new(StreamId::DETECT));
        let origin = Origin::Request(Request { thresholds, classes, deadline, reply });
        self.intake.submit(Job { payload, origin, ticket, received: Instant::now() });
        answer.await.unwrap_or(Err(DetectError::ShuttingDown))
    }

    /// Waits until a stream has room for a frame, at most for `patience`.
    pub async fn vacancy(&self, patience: std::time::Duration) {
        self.intake.vacancy(patience).await;
    }

    /// Lets a stream start over with lower entry identifiers, after it was deleted.
    pub fn restart_stream(&self, stream: &StreamId) {
        self.intake.forget_last(stream);
    }

    /// The frame ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The model in use.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What runs the model.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Frames, and images of callers, that wait to be decoded.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.intake.waiting()
    }

    pub(crate) fn bottleneck(&self) -> &Bottleneck {
        &self.bottleneck
    }
}
