//! Numbered batches that are kept until they are acknowledged.

use std::collections::VecDeque;

use tokio::time::Instant;
use vision_proto::metrics::v1::Samples;

/// A batch, which never changes: the service knows it by its number.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) sequence: u64,
    pub(super) samples: Samples,
    sends: u32,
}

/// Batches in the order of their numbers, without gaps.
#[derive(Debug)]
pub(super) struct Outbox {
    batches: VecDeque<Batch>,
    capacity: usize,
    last_sequence: u64,
    /// How many batches, from the first, have been sent on the current stream.
    sent: usize,
    /// Since when an acknowledgement is due; `None` while there is nothing to acknowledge.
    waiting_since: Option<Instant>,
}

impl Outbox {
    /// An empty outbox that holds at most `capacity` batches.
    pub(super) fn new(capacity: usize) -> Self {
        Self { batches: VecDeque::new(), capacity, last_sequence: 0, sent: 0, waiting_since: None }
    }

    pub(super) fn has_room(&self) -> bool {
        self.batches.len() < self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Values in all batches.
    pub(super) fn events(&self) -> usize {
        let events = self.batches.iter().map(|batch| batch.samples.value.len());
        events.sum()
    }

    /// Number of the last batch; 0 before the first.
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Number up to which every batch is acknowledged.
    pub(super) fn acked_sequence(&self) -> u64 {
        self.last_sequence - self.batches.len() as u64
    }

    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// Numbers a new batch.
    pub(super) fn push(&mut self, samples: Samples, now: Instant) {
        self.last_sequence += 1;
        self.batches.push_back(Batch { sequence: self.last_sequence, samples, sends: 0 });
        self.waiting_since.get_or_insert(now);
    }

    /// Starts over on a new stream, after whose opening `acked` is known to be applied.
    pub(super) fn reopen(&mut self, acked: u64, now: Instant) {
        self.acknowledge(acked, now);
        self.sent = 0;
        self.waiting_since = (!self.batches.is_empty()).then_some(now);
    }

    /// Drops what is acknowledged.
    pub(super) fn acknowledge(&mut self, acked: u64, now: Instant) {
        let before = self.batches.len();
        while self.batches.front().is_some_and(|batch| batch.sequence <= acked) {
            self.batches.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        if self.batches.is_empty() {
            self.waiting_since = None;
        } else if self.batches.len() < before {
            self.waiting_since = Some(now);
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.sent < self.batches.len()
    }

    /// The next batch for the current stream, and whether another stream has had it before.
    pub(super) fn send_next(&mut self) -> Option<(&Batch, bool)> {
        let batch = self.batches.get_mut(self.sent)?;
        self.sent += 1;
        batch.sends += 1;
        Some((batch, batch.sends > 1))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn samples(value: f64) -> Samples {
        Samples { series_id: vec![0], value: vec![value] }
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let (mut outbox, now) = (Outbox::new(3), Instant::now());
        (0..3).for_each(|_| outbox.push(samples(1.0), now));
        assert!(!outbox.has_room());
        assert_eq!(outbox.send_next().unwrap().0.sequence, 1);
        assert_eq!(outbox.send_next().unwrap().0.sequence, 2);
        outbox.reopen(1, now);
        let (batch, again) = outbox.send_next().unwrap();
        assert_eq!((batch.sequence, again), (2, true));
        let (batch, again) = outbox.send_next().unwrap();
        assert_eq!((batch.sequence, again), (3, false));
        assert!(outbox.send_next().is_none());
        outbox.acknowledge(3, now);
        assert_eq!((outbox.len(), outbox.acked_sequence()), (0, 3));
        assert_eq!(outbox.waiting_since(), None);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Cut,
        Send,
        /// The service's acknowledgement of all that it has applied arrives.
        Acknowledge,
        /// The stream breaks; what was sent and not applied yet is gone.
        Break,
        /// The service applies the next batch that it was sent.
        Apply,
    }

    fn step() -> impl Strategy<Value = Step> {
        let steps = [Step::Cut, Step::Send, Step::Acknowledge, Step::Break, Step::Apply];
        prop::sample::select(steps.to_vec())
    }

    proptest! {
        #[test]
        fn every_batch_is_applied_once(steps in prop::collection::vec(step(), 0..200)) {
            let (mut outbox, now) = (Outbox::new(4), Instant::now());
            let mut wire = VecDeque::new();
            let (mut cut, mut applied) = (Vec::new(), Vec::new());
            let mut apply = |batch: Option<Batch>, last: &mut u64| {
                if let Some(batch) = batch.filter(|batch| batch.sequence > *last) {
                    *last = batch.sequence;
                    applied.extend(batch.samples.value);
                }
            };
            let mut last = 0;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Cut if outbox.has_room() => {
                        outbox.push(samples(number as f64), now);
                        cut.push(number as f64);
                    }
                    Step::Send => wire.extend(outbox.send_next().map(|(batch, _)| batch.clone())),
                    Step::Apply => apply(wire.pop_front(), &mut last),
                    Step::Acknowledge => outbox.acknowledge(last, now),
                    Step::Break => {
                        wire.clear();
                        outbox.reopen(last, now);
                    }
                    Step::Cut => {}
                }
                prop_assert!(outbox.len() <= 4);
            }
            outbox.reopen(last, now);
            while let Some((batch, _)) = outbox.send_next() {
                apply(Some(batch.clone()), &mut last);
            }
            prop_assert_eq!(applied, cut);
        }
    }
}
