//! The inference thread: owns the session and does nothing but run it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use vision_service::rate_limit::OncePer;

use super::{
    DetectError,
    batcher::{Batch, Item},
    bottleneck::{Bottleneck, Stage},
    pace::Pace,
};
use crate::{
    inference::{InferenceError, RunOutputs, Session},
    ledger::Failure,
};

/// Lets one log line a second tell of runs that failed.
static FAILED_RUNS: OncePer = OncePer::new(Duration::from_secs(1));

/// A batch that the model has run.
#[derive(Debug)]
pub(super) struct Inferred {
    pub(super) outputs: RunOutputs,
    pub(super) items: Vec<Item>,
    pub(super) started: Instant,
    pub(super) ended: Instant,
}

/// Runs batches one after another.
pub(super) struct Inference {
    pub(super) session: Session,
    pub(super) batches: Receiver<Batch>,
    /// Where tensors go back to be filled again.
    pub(super) free: Sender<Vec<f32>>,
    pub(super) inferred: Sender<Inferred>,
    pub(super) bottleneck: Arc<Bottleneck>,
    pub(super) pace: Arc<Pace>,
}

impl Inference {
    /// Works until no more batches come.
    pub(super) fn run(mut self) {
        let mut idle_since = Instant::now();
        while let Ok(Batch { tensor, items, ready }) = self.batches.recv() {
            let started = Instant::now();
            if let Some(first) = items.first() {
                self.bottleneck.waited(idle_since, started, &first.stamps, ready);
            }
            self.pace.begin(started);
            let run = self.session.run(&tensor, items.len());
            let ended = Instant::now();
            self.pace.end(ended - started);
            self.bottleneck.add(Stage::Inference, ended - started);
            // The batcher is gone once the pipeline ends.
            let _ = self.free.send(tensor);
            match run {
                Ok(outputs) => {
                    let _ = self.inferred.send(Inferred { outputs, items, started, ended });
                }
                Err(error) => fail(items, &error),
            }
            idle_since = Instant::now();
            self.bottleneck.add(Stage::Publish, idle_since - ended);
        }
    }
}

fn fail(items: Vec<Item>, error: &InferenceError) {
    if let Some(suppressed) = FAILED_RUNS.pass(Instant::now()) {
        tracing::error!(%error, images = items.len(), suppressed, "inference failed");
    }
    for Item { origin, ticket, .. } in items {
        origin.fail(ticket, Failure::Inference, DetectError::Inference(error.to_string()));
    }
}
