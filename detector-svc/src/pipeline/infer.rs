//! The inference threads: each owns its session and does nothing but run it.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    batcher::{Batch, Item},
    bottleneck::{Bottleneck, Stage},
    pace::Pace,
    served::Served,
};
use crate::{
    inference::{InferenceError, Inputs, RunOutputs, Session},
    model::Vocabulary,
    preprocess::{Letterbox, Tensor},
};

/// How often a thread without work looks whether a model that was replaced can go.
const SWEEP: Duration = Duration::from_secs(1);

/// A batch that the model has run, or failed to.
#[derive(Debug)]
pub(super) struct Inferred {
    /// Which batch it is, from 0 on: several threads may overtake each other.
    pub(super) number: u64,
    pub(super) served: Arc<Served>,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) outcome: Result<RunOutputs, InferenceError>,
    pub(super) items: Vec<Item>,
    pub(super) letterboxes: Vec<Letterbox>,
    pub(super) started: Instant,
    pub(super) ended: Instant,
}

/// Runs batches one after another.
pub(super) struct Inference {
    pub(super) batches: Receiver<Batch>,
    /// Where tensors go back to be filled again.
    pub(super) free: Sender<Option<Tensor>>,
    pub(super) inferred: Sender<Inferred>,
    pub(super) bottleneck: Arc<Bottleneck>,
    pub(super) pace: Arc<Pace>,
    pub(super) sessions: Sessions,
}

/// The sessions of one thread: that of the model in service, and those of models before it that images were prepared for.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<(Weak<Served>, Session)>);

impl Inference {
    /// Works until no more batches come.
    pub(super) fn run(mut self) {
        let mut idle_since = Instant::now();
        loop {
            let batch = match self.batches.recv_timeout(SWEEP) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => {
                    self.sessions.sweep();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let started = Instant::now();
            if let Some(first) = batch.items.first() {
                self.bottleneck.waited(idle_since, started, &first.stamps, batch.ready);
            }
            let inferred = self.infer(batch, started);
            let ended = inferred.ended;
            let _ = self.inferred.send(inferred);
            idle_since = Instant::now();
            self.bottleneck.add(Stage::Publish, idle_since - ended);
            self.sessions.sweep();
        }
    }

    fn infer(&mut self, batch: Batch, started: Instant) -> Inferred {
        let Batch { number, served, vocabulary, tensor, items, letterboxes, .. } = batch;
        self.pace.begin(started);
        let inputs = Inputs { tensor: &tensor, letterboxes: &letterboxes, vocabulary: &vocabulary };
        let outcome = match self.sessions.of(&served) {
            Some(session) => session.run(&inputs),
            None => Err(InferenceError::NoSession),
        };
        let ended = Instant::now();
        self.pace.end(ended - started);
        self.bottleneck.add(Stage::Inference, ended - started);
        // The batcher is gone once the pipeline ends.
        let _ = self.free.send(Some(tensor));
        Inferred { number, served, vocabulary, outcome, items, letterboxes, started, ended }
    }
}

impl Sessions {
    /// This thread's session of a model.
    fn of(&mut self, served: &Arc<Served>) -> Option<&mut Session> {
        let known = self.0.iter().position(|(of, _)| Weak::as_ptr(of) == Arc::as_ptr(served));
        let index = match known {
            Some(index) => index,
            None => {
                self.0.push((Arc::downgrade(served), served.take_session()?));
                self.0.len() - 1
            }
        };
        self.0.get_mut(index).map(|(_, session)| session)
    }

    /// Ends sessions of models that no image needs any more.
    fn sweep(&mut self) {
        self.0.retain(|(served, _)| served.strong_count() > 0);
    }
}
