//! The frame ledger: every frame received ends in exactly one of processed, dropped or failed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use vision_metrics::catalogue::{
    ERRORS, FRAMES_DROPPED, FRAMES_IN_FLIGHT, FRAMES_PROCESSED, FRAMES_RECEIVED,
};
use vision_metrics_client::{Counter, Gauge, Recorder};

use crate::frame::StreamId;

/// Why a frame was given up without being at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// A newer frame of its stream arrived first.
    Superseded,
    /// The queue was full.
    Backpressure,
    /// Its deadline passed, or its caller left, before inference.
    Expired,
    /// Its publisher trimmed it from the stream before it was read.
    Trimmed,
    /// Its entry was read before.
    Duplicate,
    /// The process ended.
    Shutdown,
}

impl DropReason {
    const ALL: [Self; 6] =
        [Self::Superseded, Self::Backpressure, Self::Expired, Self::Trimmed, Self::Duplicate, Self::Shutdown];

    /// Value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Backpressure => "backpressure",
            Self::Expired => "expired",
            Self::Trimmed => "trimmed",
            Self::Duplicate => "duplicate",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What a frame failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its entry breaks the rules of the stream.
    Invalid,
    /// Its bytes are no image.
    Decode,
    /// The model did not run.
    Inference,
    /// Its detections could not be published.
    Publish,
}

impl Failure {
    const ALL: [Self; 4] = [Self::Invalid, Self::Decode, Self::Inference, Self::Publish];

    /// Value of the `component` label.
    fn component(self) -> &'static str {
        match self {
            Self::Invalid => "source",
            Self::Decode => "preprocess",
            Self::Inference => "model",
            Self::Publish => "publisher",
        }
    }

    /// Value of the `error_type` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Decode => "decode",
            Self::Inference => "inference",
            Self::Publish => "publish",
        }
    }
}

/// Counts frames in and out; cheap to clone.
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
}

/// One frame in flight. Dropped without a verdict, the frame counts as dropped for shutdown.
#[derive(Debug)]
#[must_use = "a frame needs a verdict"]
pub struct Ticket {
    ledger: Option<Ledger>,
}

impl Ledger {
    /// A ledger for frames that `model` looks at.
    #[must_use]
    pub fn new(recorder: &Recorder, model: &str) -> Self {
        let in_flight = recorder.gauge(&FRAMES_IN_FLIGHT, &[]);
        in_flight.set(0.0);
        Self(Arc::new(Inner {
            processed: recorder.counter(&FRAMES_PROCESSED, &[model, "success"]),
            failed: recorder.counter(&FRAMES_PROCESSED, &[model, "failure"]),
            dropped: DropReason::ALL.map(|r| recorder.counter(&FRAMES_DROPPED, &[model, r.as_str()])),
            errors: Failure::ALL.map(|f| recorder.counter(&ERRORS, &[f.component(), f.as_str()])),
            in_flight,
            open: AtomicU64::new(0),
            recorder: recorder.clone(),
        }))
    }

    /// Takes a frame in.
    pub fn receive(&self, stream: &StreamId) -> Ticket {
        self.received(stream).inc();
        self.0.in_flight.inc();
        self.0.open.fetch_add(1, Relaxed);
        Ticket { ledger: Some(self.clone()) }
    }

    /// Accounts for frames that are known of and were never seen.
    pub fn missed(&self, stream: &StreamId, reason: DropReason, frames: u64) {
        if frames > 0 {
            self.received(stream).add(frames as f64);
            self.dropped(reason).add(frames as f64);
        }
    }

    /// Frames that have no verdict yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.0.open.load(Relaxed)
    }

    fn received(&self, stream: &StreamId) -> Counter {
        self.0.recorder.counter(&FRAMES_RECEIVED, &[stream.as_str()])
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
            verdict(&ledger);
            ledger.0.in_flight.dec();
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;
    use vision_metrics::{Registry, SeriesValue};

    use super::*;

    /// Every series of the registry that has a value, by name and label values.
    fn read(registry: &Registry) -> BTreeMap<String, f64> {
        let snapshot = registry.snapshot(Duration::from_secs(1_000_000));
        let series = snapshot.metrics.into_iter().flat_map(|metric| {
            metric.series.into_iter().map(move |series| {
                let labels: Vec<_> = series.labels.into_iter().map(|(_, value)| value).collect();
                let (SeriesValue::Counter(value) | SeriesValue::Gauge(value)) = series.value else {
                    panic!("{} is a distribution", metric.name);
                };
                (format!("{} {}", metric.name, labels.join(" ")), value)
            })
        });
        series.filter(|(_, value)| *value != 0.0).collect()
    }

    #[test]
    fn reasons_and_failures_index_their_own_counters() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, index);
        }
    }

    #[test]
    fn each_verdict_has_its_counters() {
        let registry = Arc::new(Registry::new(""));
        let ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m");
        let stream = StreamId::new("cam");
        ledger.receive(&stream).processed();
        ledger.receive(&stream).dropped(DropReason::Expired);
        ledger.receive(&stream).failed(Failure::Decode);
        drop(ledger.receive(&stream));
        ledger.missed(&stream, DropReason::Trimmed, 5);
        let open = ledger.receive(&stream);
        let expected = [
            ("errors_total preprocess decode", 1.0),
            ("frames_dropped_total m expired", 1.0),
            ("frames_dropped_total m shutdown", 1.0),
            ("frames_dropped_total m trimmed", 5.0),
            ("frames_in_flight ", 1.0),
            ("frames_processed_total m failure", 1.0),
            ("frames_processed_total m success", 1.0),
            ("frames_received_total cam", 10.0),
        ];
        assert_eq!(read(&registry), expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!(ledger.in_flight(), 1);
        drop(open);
    }

    proptest! {
        #[test]
        fn the_ledger_balances_after_every_step(verdicts in prop::collection::vec(0..6_u8, 0..60)) {
            let registry = Arc::new(Registry::new(""));
            let ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m");
            let stream = StreamId::new("cam");
            let mut open = Vec::new();
            for verdict in verdicts {
                match (verdict, open.pop()) {
                    (0, Some(ticket)) => Ticket::processed(ticket),
                    (1, Some(ticket)) => ticket.dropped(DropReason::Superseded),
                    (2, Some(ticket)) => ticket.failed(Failure::Publish),
                    (3, Some(ticket)) => drop(ticket),
                    (4, ticket) => {
                        open.extend(ticket);
                        ledger.missed(&stream, DropReason::Trimmed, 3);
                    }
                    (_, ticket) => {
                        open.extend(ticket);
                        open.push(ledger.receive(&stream));
                    }
                }
                let read = read(&registry);
                let sum = |prefix| read.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, v)| v).sum::<f64>();
                let ended = sum("frames_processed") + sum("frames_dropped");
                prop_assert_eq!(sum("frames_received"), ended + sum("frames_in_flight"));
                prop_assert_eq!(sum("frames_in_flight"), open.len() as f64);
            }
        }
    }
}
