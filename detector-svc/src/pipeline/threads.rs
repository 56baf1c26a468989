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
use vision_metrics_client::Recorder;

use super::{
    FrameResult, Models, PipelineHandle, PipelineSettings,
    batcher::{Batch, Batcher, Item},
    deliver::Delivery,
    finish::Finisher,
    in_order::InOrder,
    infer::{Inference, Inferred, Sessions},
    intake::Intake,
    metrics::PipelineMetrics,
    pace::Pace,
    prepare::{Keep, Prepared, Preparer},
    segment::{SegmentMetrics, SegmentStage, ToSegment},
    served::{Current, Served},
    tracking::Tracking,
};
use crate::{
    inference::Segmenter,
    ledger::Ledger,
    model::{Scratch, Thresholds},
    preprocess::{Letterbox, Tensor},
    spare::Spare,
};

/// Vectors of detections, and of a batch's images, that are kept to be used again.
const SPARE: usize = 64;

/// A running pipeline: its threads.
#[derive(Debug)]
pub struct Pipeline {
    handle: PipelineHandle,
    threads: Vec<JoinHandle<()>>,
    /// Cancelled when a thread panics.
    broken: CancellationToken,
    /// Room for the images of a batch.
    spare_items: Spare<Item>,
    /// Room for what tells where its images lie.
    spare_letterboxes: Spare<Letterbox>,
}

impl Pipeline {
    /// Starts the threads. Results of stream frames go to `results`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(
        models: Models,
        settings: &PipelineSettings,
        thresholds: Thresholds,
        ledger: Ledger,
        recorder: &Recorder,
        results: mpsc::Sender<FrameResult>,
    ) -> io::Result<Self> {
        let Models { detector, segmenter } = models;
        // As many threads run models as the first has sessions.
        let sessions = detector.sessions.len();
        let served = Served::new(detector);
        let metrics = PipelineMetrics::new(recorder, &served);
        let tracking_model = served.model.id.clone();
        let (now, (ended_tx, ended_streams)) = (Instant::now(), unbounded());
        let handle = PipelineHandle {
            intake: Arc::new(Intake::new(settings.batch.intake())),
            ledger,
            bottleneck: Arc::default(),
            current: Current::new(served),
            prepared: Arc::default(),
            segmenting: segmenter.is_some().then(Arc::default),
            results: results.downgrade(),
            expiry: settings.batch.expiry(),
            ended_streams: ended_tx,
            spare: Spare::new(SPARE),
        };
        let (threads, broken) = (Vec::new(), CancellationToken::new());
        let (spare_items, spare_letterboxes) = (Spare::new(SPARE), Spare::new(SPARE));
        let mut pipeline = Self { handle, threads, broken, spare_items, spare_letterboxes };
        let prepared = pipeline.spawn_preparers(settings)?;
        let pace = Arc::new(Pace::new(now));
        let (batches, free) = pipeline.spawn_batcher(sessions, prepared, Arc::clone(&pace))?;
        let inferred = pipeline.spawn_inference(sessions, &batches, &free, &pace)?;
        let tracking = Tracking::new(&settings.track, &tracking_model, recorder, now);
        let delivery = Delivery::new(results, recorder);
        let segmenting = match segmenter {
            Some(segmenter) => Some(pipeline.spawn_segmenter(segmenter, settings, recorder, &delivery)?),
            None => None,
        };
        let finisher = Finisher {
            thresholds,
            masks: settings.masks,
            max_masks: settings.max_masks,
            inferred,
            in_order: InOrder::default(),
            ended_streams,
            tracking,
            delivery,
            segmenting,
            metrics,
            scratch: Scratch::default(),
            spare: pipeline.handle.spare.clone(),
            spare_items: pipeline.spare_items.clone(),
            spare_letterboxes: pipeline.spare_letterboxes.clone(),
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
        let keep = Keep {
            shown: settings.keep_images,
            stream_masks: settings.masks,
            segmented: self.handle.segmenting.is_some(),
        };
        // Those in the channel, one in the hands of each thread and one in the batcher's.
        let buffers = Spare::new(settings.batch.max_size + threads + 1);
        for number in 0..threads {
            let (prepared, buffers, limits) = (prepared_tx.clone(), buffers.clone(), settings.image.limits());
            let preparer = Preparer::new(&self.handle, prepared, buffers, limits, keep);
            self.spawn(&format!("prepare-{number}"), || preparer.run())?;
        }
        Ok(prepared)
    }

    /// Gives where batches come from and where their tensors go back to. Each session works on a tensor while the next
    /// batch is gathered in one more.
    fn spawn_batcher(
        &mut self,
        sessions: usize,
        prepared: Receiver<Prepared>,
        pace: Arc<Pace>,
    ) -> io::Result<(Receiver<Batch>, Sender<Option<Tensor>>)> {
        let tensors = sessions + 1;
        let (free_tx, free) = bounded(tensors);
        let (batches_tx, batches) = bounded(tensors);
        for _ in 0..tensors {
            // The channel has room for every tensor.
            let _ = free_tx.send(None);
        }
        let batcher = Batcher {
            prepared,
            waiting: Arc::clone(&self.handle.prepared),
            free,
            batches: batches_tx,
            pace,
            spare_items: self.spare_items.clone(),
            spare_letterboxes: self.spare_letterboxes.clone(),
            held: None,
        };
        self.spawn("batcher", || batcher.run())?;
        Ok((batches, free_tx))
    }

    /// A thread for each session. Gives where batches come from that were run.
    fn spawn_inference(
        &mut self,
        sessions: usize,
        batches: &Receiver<Batch>,
        free: &Sender<Option<Tensor>>,
        pace: &Arc<Pace>,
    ) -> io::Result<Receiver<Inferred>> {
        let (inferred_tx, inferred) = bounded(sessions);
        for number in 0..sessions {
            let inference = Inference {
                batches: batches.clone(),
                free: free.clone(),
                inferred: inferred_tx.clone(),
                bottleneck: Arc::clone(&self.handle.bottleneck),
                pace: Arc::clone(pace),
                sessions: Sessions::default(),
            };
            self.spawn(&format!("inference-{number}"), || inference.run())?;
        }
        Ok(inferred)
    }

    /// Gives where results go whose masks are wanted.
    fn spawn_segmenter(
        &mut self,
        segmenter: Box<dyn Segmenter>,
        settings: &PipelineSettings,
        recorder: &Recorder,
        delivery: &Delivery,
    ) -> io::Result<ToSegment> {
        let (sender, queue) = bounded(settings.segmenter.queue_capacity);
        let waiting = self.handle.segmenting.clone().unwrap_or_default();
        let stage = SegmentStage {
            metrics: SegmentMetrics::new(recorder, &*segmenter),
            segmenter,
            max_boxes: settings.segmenter.max_boxes,
            keep_images: settings.keep_images,
            queue,
            waiting: Arc::clone(&waiting),
            delivery: delivery.clone(),
        };
        self.spawn("segment", || stage.run())?;
        Ok(ToSegment { queue: sender, waiting })
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
