//! A distribution's quantiles over a sliding window.

use std::sync::Arc;

use parking_lot::Mutex;

use super::histogram::quantiles;
use crate::{
    MetricDescriptor, UnixTime,
    snapshot::{Distribution, Statistics},
    window::SlidingWindow,
};

/// Handle of a summary series; cheap to clone.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    descriptor: Arc<MetricDescriptor>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    window: SlidingWindow,
    /// Since the series began, unlike the window.
    count: u64,
    /// Since the series began, unlike the window.
    sum: f64,
}

impl Summary {
    pub(super) fn new(descriptor: Arc<MetricDescriptor>) -> Self {
        let state = State { window: SlidingWindow::new(descriptor.max_age), count: 0, sum: 0.0 };
        Self(Arc::new(Inner { descriptor, state: Mutex::new(state) }))
    }

    /// Adds a value observed at `now`; ignored when not finite.
    pub fn observe(&self, value: f64, now: UnixTime) {
        if !value.is_finite() {
            return;
        }
        let mut state = self.0.state.lock();
        state.count += 1;
        state.sum += value;
        state.window.observe(value, now);
    }

    pub(super) fn read(&self, now: UnixTime) -> Distribution {
        let state = self.0.state.lock();
        let sketch = state.window.read(now);
        Distribution {
            count: state.count,
            sum: state.sum,
            buckets: Vec::new(),
            quantiles: quantiles(&self.0.descriptor.quantiles, &sketch),
            statistics: Statistics::of(&sketch),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::MetricKind;

    #[test]
    fn quantiles_slide_while_totals_stay() {
        let descriptor = MetricDescriptor::new("s", MetricKind::Summary).completed();
        let summary = Summary::new(Arc::new(descriptor));
        let start = Duration::from_secs(1_000_000);
        summary.observe(10.0, start);
        let fresh = summary.read(start);
        assert_eq!(fresh.quantiles[0], (0.5, Some(10.0)));
        let later = summary.read(start + Duration::from_secs(600));
        assert_eq!(later.quantiles[0], (0.5, None));
        assert_eq!(later.statistics, None);
        assert_eq!((later.count, later.sum), (1, 10.0));
    }
}
