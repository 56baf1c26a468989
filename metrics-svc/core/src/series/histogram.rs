//! A distribution counted in fixed buckets, with a sketch beside them for quantiles.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::state::{HistogramState, StateError};
use crate::{
    MetricDescriptor,
    reading::{Detail, Reading},
    sketch::{AtomicSketch, MAX_COUNT},
};

/// So many bounds are compared all at once quicker than one after the other in a binary search.
const FEW_BOUNDS: usize = 24;

/// Handle of a histogram series; cheap to clone, lock-free to write.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    descriptor: Arc<MetricDescriptor>,
    /// Observations of each bucket alone, the last without a bound.
    counts: Box<[AtomicU64]>,
    /// Keeps the sum as well.
    sketch: AtomicSketch,
}

impl Histogram {
    pub(super) fn new(descriptor: Arc<MetricDescriptor>) -> Self {
        let counts = (0..=descriptor.buckets.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { descriptor, counts, sketch: AtomicSketch::default() }))
    }

    /// Counts a value into the first bucket whose bound is not below it; ignored when not finite.
    pub fn observe(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let counter = &self.0.counts[self.bucket_of(value)];
        self.0.sketch.observe(value);
        counter.fetch_add(1, Relaxed);
    }

    /// Counts many values as [`Self::observe`] does each, but writes once to what several of them share: threads that
    /// observe into one series at the same time get less into each other's way.
    pub fn observe_all(&self, values: &[f64]) {
        if let [value] = values {
            return self.observe(*value);
        }
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let mut counts = vec![0; self.0.counts.len()];
        finite.clone().for_each(|value| counts[self.bucket_of(value)] += 1);
        for (counter, count) in self.0.counts.iter().zip(counts).filter(|(_, count)| *count > 0) {
            counter.fetch_add(count, Relaxed);
        }
        self.0.sketch.observe_all(finite);
    }

    /// A copy of all that was observed, to be saved.
    #[must_use]
    pub fn state(&self) -> HistogramState {
        HistogramState { counts: self.counts().collect(), sketch: self.0.sketch.read() }
    }

    /// Adds what another histogram with the same buckets has observed.
    ///
    /// # Errors
    /// The state has another number of buckets, or a count that no series reaches. Nothing is changed then.
    pub fn restore(&self, state: &HistogramState) -> Result<(), StateError> {
        let (found, expected) = (state.counts.len(), self.0.counts.len());
        if found != expected {
            return Err(StateError::Buckets { found, expected });
        }
        if let Some(&count) = state.counts.iter().find(|count| **count > MAX_COUNT) {
            return Err(StateError::Count(count));
        }
        for (counter, count) in self.0.counts.iter().zip(&state.counts) {
            counter.fetch_add(*count, Relaxed);
        }
        self.0.sketch.merge(&state.sketch);
        Ok(())
    }

    /// Index of the first bucket whose bound is not below a value.
    #[inline]
    pub(super) fn bucket_of(&self, value: f64) -> usize {
        let bounds = &*self.0.descriptor.buckets;
        if bounds.len() > FEW_BOUNDS {
            return bounds.partition_point(|bound| *bound < value);
        }
        bounds.iter().map(|bound| usize::from(*bound < value)).sum()
    }

    pub(super) fn read(&self, detail: Detail) -> Reading {
        let sketch = (detail == Detail::Full).then(|| Box::new(self.0.sketch.read()));
        Reading::Histogram { counts: self.counts().collect(), sum: self.0.sketch.sum(), sketch }
    }

    /// How many buckets there are, the one without a bound included.
    pub(super) fn bucket_count(&self) -> usize {
        self.0.counts.len()
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        self.0.counts.iter().map(|counter| counter.load(Relaxed))
    }
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
