//! The threads of the pipeline and the channels between them.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::INFERENCE_PROVIDER_INFO;
use vision_metrics_client::Recorder;

use super::{
    FrameResult, PipelineHandle, PipelineSettings,
    batcher::{Batch, Batcher, Item},
    finish::Finisher,
    infer::Inference,
    intake::Intake,
    metrics::PipelineMetrics,
    pace::Pace,
    prepare::{Prepared, Preparer},
    tracking::Tracking,
};
use crate::{
    image::FASTEST_ORDER,
    inference::LoadedModel,
    ledger::Ledger,
    model::{Scratch, Thresholds},
    preprocess::Normaliser,
    spare::Spare,
};

/// Vectors of detections, and of a batch's images, that are kept to be used again.
const SPARE: usize = 64;
/// Tensors in circulation: the model works on one while the next batch is gathered in the other.
const TENSORS: usize = 2;

/// A running pipeline: its threads.
#[derive(Debug)]
pub struct Pipeline {
    handle: PipelineHandle,
    threads: Vec<JoinHandle<()>>,
    /// Cancelled when a thread panics.
    broken: CancellationToken,
    /// Room for the images of a batch.
    spare_items: Spare<Item>,
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
        ledger: Ledger,
        recorder: &Recorder,
        results: mpsc::Sender<FrameResult>,
    ) -> io::Result<Self> {
        let LoadedModel { model, session } = loaded;
        let (model, provider) = (Arc::new(model), session.provider());
        let info = [model.id.as_str(), provider.as_str(), provider.device()];
        recorder.gauge(&INFERENCE_PROVIDER_INFO, &info).set(1.0);
        let (now, (ended_tx, ended_streams)) = (Instant::now(), unbounded());
        let handle = PipelineHandle {
            intake: Arc::new(Intake::new(settings.batch.intake())),
            ledger,
            bottleneck: Arc::default(),
            model: Arc::clone(&model),
            provider,
            prepared: Arc::default(),
            results: results.downgrade(),
            expiry: settings.batch.expiry(),
            ended_streams: ended_tx,
            spare: Spare::new(SPARE),
        };
        let (threads, broken) = (Vec::new(), CancellationToken::new());
        let mut pipeline = Self { handle, threads, broken, spare_items: Spare::new(SPARE) };
        let prepared = pipeline.spawn_preparers(settings)?;
        let pace = Arc::new(Pace::new(now));
        let (batches, free) = pipeline.spawn_batcher(settings, prepared, Arc::clone(&pace))?;
        let (inferred_tx, inferred) = bounded(1);
        let bottleneck = Arc::clone(&pipeline.handle.bottleneck);
        let inference = Inference { session, batches, free, inferred: inferred_tx, bottleneck, pace };
        pipeline.spawn("inference", || inference.run())?;
        let metrics = PipelineMetrics::new(recorder, &model, provider.device());
        let tracking = Tracking::new(&settings.track, &model, recorder, now);
        let finisher = Finisher {
            model,
            thresholds,
            inferred,
            ended_streams,
            tracking,
            results,
            metrics,
            scratch: Scratch::default(),
            spare: pipeline.handle.spare.clone(),
            spare_items: pipeline.spare_items.clone(),
        };
        pipeline.spawn("finish", || finisher.run())?;
        Ok(pipeline)
    }

    /// The way in.
    #[must_use]
    pub fn handle(&self) -> PipelineHandle {
        self.handle.clone()
    }

    /// Resolves when a thread has panicked: nothing works any more.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// For a task without which the pipeline is of no use: its panic breaks the pipeline, too.
    pub(crate) fn panic_guard(&self) -> PanicGuard {
        PanicGuard(self.broken.clone())
    }

    /// Takes no more, gives up what waits, finishes what is decoded or later, and ends.
    pub fn shut_down(mut self) {
        self.handle.intake.close();
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                tracing::error!("a pipeline thread panicked");
            }
        }
    }

    fn spawn_preparers(&mut self, settings: &PipelineSettings) -> io::Result<Receiver<Prepared>> {
        let (prepared_tx, prepared) = bounded(settings.batch.max_size);
        let threads = settings.image.threads.get();
        // Those in the channel, one in the hands of each thread and one in the batcher's.
        let buffers = Spare::new(settings.batch.max_size + threads + 1);
        for number in 0..threads {
            let (prepared, buffers, limits) = (prepared_tx.clone(), buffers.clone(), settings.image.limits());
            let preparer = Preparer::new(&self.handle, prepared, buffers, limits, settings.keep_images);
            self.spawn(&format!("prepare-{number}"), || preparer.run())?;
        }
        Ok(prepared)
    }

    /// Gives where batches come from and where their tensors go back to.
    fn spawn_batcher(
        &mut self,
        settings: &PipelineSettings,
        prepared: Receiver<Prepared>,
        pace: Arc<Pace>,
    ) -> io::Result<(Receiver<Batch>, Sender<Vec<f32>>)> {
        let (free_tx, free) = bounded(TENSORS);
        let (batches_tx, batches) = bounded(TENSORS);
        let normaliser = Normaliser::new(self.handle.model.input.clone(), FASTEST_ORDER);
        for _ in 0..TENSORS {
            let tensor = vec![0.0; settings.batch.max_size * normaliser.slot_len()];
            // The channel has room for every tensor.
            let _ = free_tx.send(tensor);
        }
        let batcher = Batcher {
            prepared,
            waiting: Arc::clone(&self.handle.prepared),
            free,
            batches: batches_tx,
            normaliser,
            pace,
            spare_items: self.spare_items.clone(),
        };
        self.spawn("batcher", || batcher.run())?;
        Ok((batches, free_tx))
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let guard = self.panic_guard();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _guard = guard;
            work();
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Pipeline {
    /// Lets the threads end: each ends with what it takes from.
    fn drop(&mut self) {
        self.handle.intake.close();
    }
}

/// Tells when the thread or task that holds it panics.
#[derive(Debug)]
pub(crate) struct PanicGuard(CancellationToken);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.cancel();
        }
    }
}
