//! A distribution's quantiles over a sliding window.

use std::sync::Arc;

use parking_lot::Mutex;

use super::state::{StateError, SummaryState};
use crate::{
    MetricDescriptor, UnixTime,
    reading::Reading,
    sketch::{MAX_COUNT, finite},
    window::SlidingWindow,
};

/// Handle of a summary series; cheap to clone.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Mutex<SummaryState>>);

impl Summary {
    pub(super) fn new(descriptor: &MetricDescriptor) -> Self {
        let window = SlidingWindow::new(descriptor.max_age);
        Self(Arc::new(Mutex::new(SummaryState { window, count: 0, sum: 0.0 })))
    }

    /// Adds a value observed at `now`; ignored when not finite.
    pub fn observe(&self, value: f64, now: UnixTime) {
        if value.is_finite() {
            self.0.lock().observe(value, now);
        }
    }

    /// Adds many values observed at `now` under one lock; those that are not finite are ignored.
    pub fn observe_all(&self, values: &[f64], now: UnixTime) {
        let mut state = self.0.lock();
        values.iter().filter(|value| value.is_finite()).for_each(|value| state.observe(*value, now));
    }

    /// A copy of all that was observed, to be saved.
    #[must_use]
    pub fn state(&self) -> SummaryState {
        self.0.lock().clone()
    }

    /// Adds what another summary with the same window has observed.
    ///
    /// # Errors
    /// The state's window has another length, its count is one that no series reaches, or its sum is not finite.
    /// Nothing is changed then.
    pub fn restore(&self, state: SummaryState) -> Result<(), StateError> {
        if state.count > MAX_COUNT {
            return Err(StateError::Count(state.count));
        }
        if !state.sum.is_finite() {
            return Err(StateError::Sum(state.sum));
        }
        let mut own = self.0.lock();
        let (found, expected) = (state.window.step(), own.window.step());
        if found != expected {
            return Err(StateError::Window { found, expected });
        }
        own.count = own.count.saturating_add(state.count);
        own.sum = finite(own.sum + state.sum);
        own.window.merge(state.window);
        Ok(())
    }

    pub(super) fn read(&self, now: UnixTime) -> Reading {
        let state = self.0.lock();
        Reading::Summary { count: state.count, sum: state.sum, window: Box::new(state.window.read(now)) }
    }
}

impl SummaryState {
    fn observe(&mut self, value: f64, now: UnixTime) {
        self.count += 1;
        self.sum = finite(self.sum + value);
        self.window.observe(value, now);
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
        let read = |now| match summary.read(now).value(&descriptor) {
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

    #[test]
    fn a_burst_equals_its_values() {
        let descriptor = MetricDescriptor::new("s", MetricKind::Summary).completed();
        let (whole, single) = (Summary::new(&descriptor), Summary::new(&descriptor));
        let values = [3.0, f64::NAN, 1.0, 2.0];
        let now = Duration::from_secs(1_000_000);
        whole.observe_all(&values, now);
        values.iter().for_each(|value| single.observe(*value, now));
        let [whole, single] = [whole, single].map(|summary| summary.read(now).value(&descriptor));
        assert_eq!(whole, single);
    }
}
