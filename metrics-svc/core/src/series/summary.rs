//! A distribution's quantiles over a sliding window.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Reading;
use crate::{MetricDescriptor, UnixTime, sketch::finite, window::SlidingWindow};

/// Handle of a summary series; cheap to clone.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    window: SlidingWindow,
    /// Since the series began, unlike the window.
    count: u64,
    /// Since the series began, unlike the window.
    sum: f64,
}

impl Summary {
    pub(super) fn new(descriptor: &MetricDescriptor) -> Self {
        let state = State { window: SlidingWindow::new(descriptor.max_age), count: 0, sum: 0.0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Adds a value observed at `now`; ignored when not finite.
    pub fn observe(&self, value: f64, now: UnixTime) {
        if !value.is_finite() {
            return;
        }
        let mut state = self.0.lock();
        state.count += 1;
        state.sum = finite(state.sum + value);
        state.window.observe(value, now);
    }

    pub(super) fn read(&self) -> Reading {
        let state = self.0.lock();
        Reading::Summary { count: state.count, sum: state.sum, window: Box::new(state.window.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{MetricKind, SeriesValue};

    #[test]
    fn quantiles_slide_while_totals_stay() {
        let descriptor = MetricDescriptor::new("s", MetricKind::Summary).completed();
        let summary = Summary::new(&descriptor);
        let start = Duration::from_secs(1_000_000);
        summary.observe(10.0, start);
        let read = |now| match summary.read().value(&descriptor, now) {
            SeriesValue::Summary(distribution) => distribution,
            other => panic!("{other:?}"),
        };
        let fresh = read(start);
        assert_eq!(fresh.quantiles[0], (0.5, Some(10.0)));
        let later = read(start + Duration::from_secs(600));
        assert_eq!(later.quantiles[0], (0.5, None));
        assert_eq!(later.statistics, None);
        assert_eq!((later.count, later.sum), (1, 10.0));
    }
}
