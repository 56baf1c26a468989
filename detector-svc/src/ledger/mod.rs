//! The frame ledger: every frame received ends in exactly one of processed, dropped or failed.

mod verdict;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::RwLock;

use vision_metrics::catalogue::{
    ERRORS, FRAMES_DROPPED, FRAMES_IN_FLIGHT, FRAMES_PROCESSED, FRAMES_RECEIVED,
};
use vision_metrics_client::{Counter, Gauge, Recorder};

pub use self::verdict::{DropReason, Failure};
use crate::frame::StreamId;

/// Counts frames in and out; cheap to clone. Each step is recorded as one, so that whoever reads the metrics finds
/// the ledger balanced at any moment.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recorder: Recorder,
    processed: Counter,
    failed: Counter,
    dropped: [Counter; DropReason::ALL.len()],
    errors: [Counter; Failure::ALL.len()],
    in_flight: Gauge,
    open: AtomicU64,
    /// Received frames by stream.
    received: RwLock<HashMap<StreamId, Counter>>,
}

/// One frame in flight. Dropped without a verdict, the frame counts as dropped for shutdown.
#[derive(Debug)]
#[must_use = "a frame needs a verdict"]
pub struct Ticket {
    ledger: Option<Ledger>,
}

impl Ledger {
    /// A ledger for frames that `model` looks at. `abandoned` frames were in flight when an earlier run of this
    /// process was killed: they are counted as dropped, in the same step in which none is in flight any more.
    #[must_use]
    pub fn new(recorder: &Recorder, model: &str, abandoned: u64) -> Self {
        let in_flight = recorder.gauge(&FRAMES_IN_FLIGHT, &[]);
        let ledger = Self(Arc::new(Inner {
            processed: recorder.counter(&FRAMES_PROCESSED, &[model, "success"]),
            failed: recorder.counter(&FRAMES_PROCESSED, &[model, "failure"]),
            dropped: DropReason::ALL.map(|r| recorder.counter(&FRAMES_DROPPED, &[model, r.as_str()])),
            errors: Failure::ALL.map(|f| recorder.counter(&ERRORS, &[f.component(), f.as_str()])),
            in_flight,
            open: AtomicU64::new(0),
            received: RwLock::default(),
            recorder: recorder.clone(),
        }));
        recorder.together(|| {
            ledger.0.in_flight.set(0.0);
            ledger.dropped(DropReason::Shutdown).add(abandoned as f64);
        });
        ledger
    }

    /// Takes a frame in.
    pub fn receive(&self, stream: &StreamId) -> Ticket {
        let received = self.received(stream);
        self.0.recorder.together(|| {
            received.inc();
            self.0.in_flight.inc();
        });
        self.0.open.fetch_add(1, Relaxed);
        Ticket { ledger: Some(self.clone()) }
    }

    /// Accounts for frames that are known of and were never seen.
    pub fn missed(&self, stream: &StreamId, reason: DropReason, frames: u64) {
        if frames > 0 {
            let received = self.received(stream);
            self.0.recorder.together(|| {
                received.add(frames as f64);
                self.dropped(reason).add(frames as f64);
            });
        }
    }

    /// Frames that have no verdict yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.0.open.load(Relaxed)
    }

    fn received(&self, stream: &StreamId) -> Counter {
        if let Some(counter) = self.0.received.read().get(stream) {
            return counter.clone();
        }
        let counter = self.0.recorder.counter(&FRAMES_RECEIVED, &[stream.as_str()]);
        self.0.received.write().insert(stream.clone(), counter.clone());
        counter
    }

    fn dropped(&self, reason: DropReason) -> &Counter {
        &self.0.dropped[reason as usize]
    }
}

impl Ticket {
    /// The frame was looked at and its detections delivered.
    pub fn processed(self) {
        self.end(|ledger| ledger.0.processed.inc());
    }

    /// The frame was given up.
    pub fn dropped(self, reason: DropReason) {
        self.end(|ledger| ledger.dropped(reason).inc());
    }

    /// The frame, or what was done with it, was at fault.
    pub fn failed(self, failure: Failure) {
        self.end(|ledger| {
            ledger.0.failed.inc();
            ledger.0.errors[failure as usize].inc();
        });
    }

    fn end(mut self, verdict: impl FnOnce(&Ledger)) {
        self.close(verdict);
    }

    fn close(&mut self, verdict: impl FnOnce(&Ledger)) {
        if let Some(ledger) = self.ledger.take() {
            ledger.0.recorder.together(|| {
                verdict(&ledger);
                ledger.0.in_flight.dec();
            });
            ledger.0.open.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close(|ledger| ledger.dropped(DropReason::Shutdown).inc());
    }
}

#[cfg(test)]
mod tests;
