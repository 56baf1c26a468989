//! Observations that wait for the next batch.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;
use vision_proto::metrics::v1::Samples;

use super::Increment;

/// A bounded queue that drops the newest when it is full.
#[derive(Debug)]
pub(crate) struct SampleQueue {
    samples: ArrayQueue<(u32, f64)>,
    /// What did not fit.
    dropped: Arc<Increment>,
    half: usize,
    half_full: Notify,
    /// Whether `half_full` has been told since the last batch, so that it is told once.
    told: AtomicBool,
}

impl SampleQueue {
    pub(super) fn new(capacity: usize, dropped: Arc<Increment>) -> Self {
        Self {
            samples: ArrayQueue::new(capacity),
            dropped,
            half: capacity.div_ceil(2),
            half_full: Notify::new(),
            told: AtomicBool::new(false),
        }
    }

    /// Ignores what is not finite.
    pub(crate) fn push(&self, series: u32, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.samples.push((series, value)).is_err() {
            self.dropped.add_one();
        } else if !self.told.load(Relaxed) && self.is_half_full() && !self.told.swap(true, Relaxed) {
            self.half_full.notify_one();
        }
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.samples.len() >= self.half
    }

    /// Waits until half the capacity is taken, once for each batch.
    pub(crate) async fn half_full(&self) {
        self.half_full.notified().await;
    }

    /// Moves what waits at the moment into a batch.
    pub(super) fn drain_into(&self, samples: &mut Samples) {
        let waiting = std::iter::from_fn(|| self.samples.pop());
        for (series, value) in waiting.take(self.samples.len()) {
            samples.series_id.push(series);
            samples.value.push(value);
        }
        self.told.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let dropped = Arc::new(Increment::default());
        let queue = SampleQueue::new(3, Arc::clone(&dropped));
        for value in [0.0, f64::NAN, 1.0, 2.0, 3.0, 4.0] {
            queue.push(7, value);
        }
        let mut samples = Samples::default();
        queue.drain_into(&mut samples);
        assert_eq!(samples.series_id, [7, 7, 7]);
        assert_eq!(samples.value, [0.0, 1.0, 2.0]);
        assert_eq!(dropped.take(), Some(2.0));
    }

    #[tokio::test]
    async fn half_full_is_told_once_a_batch() {
        let queue = SampleQueue::new(4, Arc::default());
        for _ in 0..2 {
            (0..4).for_each(|_| queue.push(0, 1.0));
            queue.half_full().await;
            let again = tokio::time::timeout(std::time::Duration::ZERO, queue.half_full()).await;
            assert!(again.is_err());
            queue.drain_into(&mut Samples::default());
        }
    }
}
