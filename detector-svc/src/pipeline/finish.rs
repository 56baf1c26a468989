//! From a run's outputs to detections, and on to whoever waits for them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;
use vision_service::rate_limit::OncePer;

use super::{
    DetectError, FrameResult,
    batcher::{Item, Stamps},
    infer::Inferred,
    job::{Detected, Origin, Timings},
    metrics::PipelineMetrics,
};
use crate::{
    detection::Detection,
    ledger::Failure,
    model::{ClassSet, Model, OutputError, Outputs, Thresholds},
};

/// Lets one log line a second tell of outputs that are none.
static BAD_OUTPUTS: OncePer = OncePer::new(Duration::from_secs(1));

/// What a stream's frames are searched for.
static EVERY_CLASS: ClassSet = ClassSet::all();

/// Reads outputs in the order of the batches, so that a stream's results stay in order.
pub(super) struct Finisher {
    pub(super) model: Arc<Model>,
    pub(super) thresholds: Thresholds,
    pub(super) inferred: Receiver<Inferred>,
    pub(super) results: mpsc::Sender<FrameResult>,
    pub(super) metrics: PipelineMetrics,
}

impl Finisher {
    /// Works until no more batches come.
    pub(super) fn run(self) {
        while let Ok(inferred) = self.inferred.recv() {
            self.metrics.batch(&inferred);
            let Inferred { outputs, items, started, ended } = inferred;
            let (outputs, batch_size) = (outputs.view(), items.len());
            for (index, item) in items.into_iter().enumerate() {
                let run = Run { outputs: &outputs, index, started, ended, batch_size };
                self.finish(item, &run);
            }
        }
    }

    fn finish(&self, item: Item, run: &Run<'_>) {
        let begun = Instant::now();
        let detections = match self.postprocess(&item, run) {
            Ok(detections) => detections,
            Err(error) => {
                if let Some(suppressed) = BAD_OUTPUTS.pass(begun) {
                    tracing::error!(%error, model = self.model.id, suppressed, "outputs cannot be read");
                }
                let error = DetectError::Inference(error.to_string());
                return item.origin.fail(item.ticket, Failure::Inference, error);
            }
        };
        let timings = run.timings(&item.stamps, begun);
        self.metrics.image(&item.stamps, &timings, &detections);
        let (width, height) = item.letterbox.source_size();
        let detected = Detected { detections, width, height, timings };
        match item.origin {
            Origin::Stream(frame) => {
                let received = item.stamps.received;
                let result = FrameResult { frame, detected, ticket: item.ticket, received };
                // The publisher outlives the pipeline; were it gone, the ledger would see the frame dropped.
                let _ = self.results.blocking_send(result);
            }
            Origin::Request(request) => {
                item.ticket.processed();
                // A caller who has gone meanwhile is not told.
                let _ = request.reply.send(Ok(detected));
            }
        }
    }

    fn postprocess(&self, item: &Item, run: &Run<'_>) -> Result<Vec<Detection>, OutputError> {
        let (thresholds, classes) = match &item.origin {
            Origin::Request(request) => (&request.thresholds, &request.classes),
            Origin::Stream(_) => (&self.thresholds, &EVERY_CLASS),
        };
        self.model.postprocess(run.outputs, run.index, &item.letterbox, thresholds, classes)
    }
}

/// One image's part of a run.
struct Run<'a> {
    outputs: &'a Outputs<'a>,
    index: usize,
    started: Instant,
    ended: Instant,
    batch_size: usize,
}

impl Run<'_> {
    /// Timings of an image whose postprocessing began at `begun` and ends now.
    fn timings(&self, stamps: &Stamps, begun: Instant) -> Timings {
        let now = Instant::now();
        let decode = stamps.decoded - stamps.decode_started;
        let preprocess = (stamps.prepared - stamps.decoded) + stamps.normalise;
        let inference = self.ended - self.started;
        let postprocess = now - begun;
        let total = now - stamps.received;
        let busy: Duration = decode + preprocess + inference + postprocess;
        let queue = total.saturating_sub(busy);
        Timings { decode, preprocess, queue, inference, postprocess, total, batch_size: self.batch_size }
    }
}
