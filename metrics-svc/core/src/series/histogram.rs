//! A distribution counted in fixed buckets, with a sketch beside them for quantiles.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Reading;
use crate::{MetricDescriptor, sketch::Sketch};

/// Handle of a histogram series; cheap to clone.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    descriptor: Arc<MetricDescriptor>,
    /// One short lock keeps buckets, sum and quantiles of a snapshot in agreement.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Observations of each bucket alone, the last without a bound.
    counts: Box<[u64]>,
    sketch: Sketch,
}

impl Histogram {
    pub(super) fn new(descriptor: Arc<MetricDescriptor>) -> Self {
        let state = State { counts: vec![0; descriptor.buckets.len() + 1].into(), sketch: Sketch::default() };
        Self(Arc::new(Inner { descriptor, state: Mutex::new(state) }))
    }

    /// Counts a value into the first bucket whose bound is not below it; ignored when not finite.
    pub fn observe(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bounds = &self.0.descriptor.buckets;
        let bucket = bounds.partition_point(|bound| *bound < value);
        let mut state = self.0.state.lock();
        state.counts[bucket] += 1;
        state.sketch.observe(value);
    }

    pub(super) fn read(&self) -> Reading {
        let state = self.0.state.lock();
        Reading::Histogram { counts: state.counts.clone(), sketch: Box::new(state.sketch.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::*;
    use crate::{Distribution, MetricKind, SeriesValue};

    const BOUNDS: [f64; 3] = [-1.0, 0.5, 2.0];

    fn histogram() -> Histogram {
        Histogram::new(Arc::new(MetricDescriptor {
            buckets: BOUNDS.to_vec(),
            quantiles: vec![0.5],
            ..MetricDescriptor::new("h", MetricKind::Histogram)
        }))
    }

    fn read(histogram: &Histogram) -> Distribution {
        match histogram.read().value(&histogram.0.descriptor, Duration::ZERO) {
            SeriesValue::Histogram(distribution) => distribution,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        let histogram = histogram();
        BOUNDS.iter().for_each(|bound| histogram.observe(*bound));
        let counts: Vec<_> = read(&histogram).buckets.iter().map(|b| b.1).collect();
        assert_eq!(counts, [1, 2, 3, 3]);
    }

    #[test]
    fn what_is_not_finite_is_ignored() {
        let histogram = histogram();
        histogram.observe(f64::NAN);
        histogram.observe(f64::INFINITY);
        let read = read(&histogram);
        assert_eq!((read.count, read.sum), (0, 0.0));
        assert_eq!(read.quantiles, [(0.5, None)]);
        assert_eq!(read.statistics, None);
    }

    proptest! {
        #[test]
        fn buckets_agree_with_counting(values in prop::collection::vec(-3.0..3.0_f64, 0..200)) {
            let histogram = histogram();
            values.iter().for_each(|value| histogram.observe(*value));
            let read = read(&histogram);
            for (bound, count) in &read.buckets {
                let expected = values.iter().filter(|value| *value <= bound).count();
                prop_assert_eq!(*count, expected as u64);
            }
            prop_assert_eq!(read.count, values.len() as u64);
        }
    }
}
