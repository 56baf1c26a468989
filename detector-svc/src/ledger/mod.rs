//! The frame ledger: every frame received ends in exactly one of processed, dropped or failed.

mod receipt;
mod verdict;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::RwLock;

use vision_metrics::catalogue::{
    ERRORS, FRAMES_DROPPED, FRAMES_IN_FLIGHT, FRAMES_PROCESSED, FRAMES_RECEIVED,
};
use vision_metrics_client::{Counter, Gauge, Recorder};

pub use self::{
    receipt::{Outcome, Receipt, Settled},
    verdict::{DropReason, Failure},
};
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
    streams: RwLock<HashMap<StreamId, Arc<Account>>>,
}

/// The frames of one stream.
#[derive(Debug)]
struct Account {
    received: Counter,
    open: AtomicU64,
    /// Whether the stream has ended, and only frames in flight keep this.
    ended: AtomicBool,
}

/// One frame in flight. Dropped without a verdict, the frame counts as dropped for shutdown.
#[derive(Debug)]
#[must_use = "a frame needs a verdict"]
pub struct Ticket {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    ledger: Ledger,
    account: Arc<Account>,
    receipt: Option<Receipt>,
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
            streams: RwLock::default(),
            recorder: recorder.clone(),
        }));
        recorder.together(|| {
            ledger.0.in_flight.set(0.0);
            ledger.dropped(DropReason::Shutdown).add(abandoned as f64);
        });
        ledger
    }

    /// Takes a frame in. `receipt` tells its source of the verdict, if it asks.
    pub fn receive(&self, stream: &StreamId, receipt: Option<Receipt>) -> Ticket {
        let account = self.account(stream);
        account.ended.store(false, Relaxed);
        self.0.recorder.together(|| {
            account.received.inc();
            self.0.in_flight.inc();
        });
        self.0.open.fetch_add(1, Relaxed);
        account.open.fetch_add(1, Relaxed);
        Ticket { open: Some(Open { ledger: self.clone(), account, receipt }) }
    }

    /// Accounts for frames that are known of and were never seen.
    pub fn missed(&self, stream: &StreamId, reason: DropReason, frames: u64) {
        if frames > 0 {
            let account = self.account(stream);
            self.0.recorder.together(|| {
                account.received.add(frames as f64);
                self.dropped(reason).add(frames as f64);
            });
        }
    }

    /// Frames that have no verdict yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.0.open.load(Relaxed)
    }

    /// Frames of one stream that have no verdict yet.
    #[must_use]
    pub fn in_flight_of(&self, stream: &StreamId) -> u64 {
        self.0.streams.read().get(stream).map_or(0, |account| account.open.load(Relaxed))
    }

    /// Lets go of streams that have ended, this one and others, of which no frame is in flight any more; their totals
    /// stay where they are recorded.
    pub fn forget(&self, stream: &StreamId) {
        let mut streams = self.0.streams.write();
        if let Some(account) = streams.get(stream) {
            account.ended.store(true, Relaxed);
        }
        streams.retain(|_, account| !account.ended.load(Relaxed) || account.open.load(Relaxed) > 0);
    }

    fn account(&self, stream: &StreamId) -> Arc<Account> {
        if let Some(account) = self.0.streams.read().get(stream) {
            return Arc::clone(account);
        }
        let new = || {
            let received = self.0.recorder.counter(&FRAMES_RECEIVED, &[stream.as_str()]);
            Arc::new(Account { received, open: AtomicU64::new(0), ended: AtomicBool::new(false) })
        };
        Arc::clone(self.0.streams.write().entry(stream.clone()).or_insert_with(new))
    }

    fn dropped(&self, reason: DropReason) -> &Counter {
        &self.0.dropped[reason as usize]
    }
}

impl Ticket {
    /// Whether the frame's source waits for the verdict.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.receipt.is_some())
    }

    /// The frame was looked at and its detections delivered.
    pub fn processed(mut self) {
        self.close(Outcome::Acknowledge, |ledger| ledger.0.processed.inc());
    }

    /// The frame was given up.
    pub fn dropped(mut self, reason: DropReason) {
        self.close(reason.outcome(), |ledger| ledger.dropped(reason).inc());
    }

    /// Another replica looks at the frame, since its stream is not ours any more.
    pub fn disowned(mut self) {
        self.close(Outcome::Redeliver, |ledger| ledger.dropped(DropReason::Duplicate).inc());
    }

    /// The frame, or what was done with it, was at fault.
    pub fn failed(mut self, failure: Failure) {
        self.close(failure.outcome(), |ledger| {
            ledger.0.failed.inc();
            ledger.0.errors[failure as usize].inc();
        });
    }

    fn close(&mut self, outcome: Outcome, verdict: impl FnOnce(&Ledger)) {
        if let Some(Open { ledger, account, receipt }) = self.open.take() {
            ledger.0.recorder.together(|| {
                verdict(&ledger);
                ledger.0.in_flight.dec();
            });
            ledger.0.open.fetch_sub(1, Relaxed);
            account.open.fetch_sub(1, Relaxed);
            if let Some(receipt) = receipt {
                receipt.settle(outcome);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let reason = DropReason::Shutdown;
        self.close(reason.outcome(), |ledger| ledger.dropped(reason).inc());
    }
}

#[cfg(test)]
mod tests;
