//! Saving and restoring.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    Histogram, MetricDescriptor, MetricKind, SeriesValue, Summary, UnixTime, reading::Detail,
    sketch::MAX_COUNT,
};

const NOW: UnixTime = Duration::from_secs(1_000_000);
const VALUES: [f64; 5] = [0.003, 0.02, 0.02, 7.0, 40.0];

fn descriptor(kind: MetricKind) -> Arc<MetricDescriptor> {
    Arc::new(MetricDescriptor::new("d", kind).completed())
}

fn histogram() -> Histogram {
    Histogram::new(descriptor(MetricKind::Histogram))
}

fn summary() -> Summary {
    Summary::new(&descriptor(MetricKind::Summary))
}

fn histogram_value(histogram: &Histogram) -> SeriesValue {
    histogram.read(Detail::Full).value(&descriptor(MetricKind::Histogram))
}

fn summary_value(summary: &Summary, now: UnixTime) -> SeriesValue {
    summary.read(now).value(&descriptor(MetricKind::Summary))
}

fn saved<T: Serialize + for<'a> Deserialize<'a>>(state: &T) -> T {
    postcard::from_bytes(&postcard::to_stdvec(state).unwrap()).unwrap()
}

#[test]
fn a_histogram_goes_on_where_it_was_saved() {
    let (before, after) = (histogram(), histogram());
    before.observe_all(&VALUES);
    assert_eq!(after.restore(&saved(&before.state())), Ok(()));
    assert_eq!(histogram_value(&after), histogram_value(&before));
    after.observe(0.5);
    before.observe(0.5);
    assert_eq!(histogram_value(&after), histogram_value(&before));
}

#[test]
fn a_summary_goes_on_where_it_was_saved() {
    let (before, after) = (summary(), summary());
    before.observe_all(&VALUES, NOW);
    before.observe(2.0, NOW + Duration::from_secs(100));
    assert_eq!(after.restore(saved(&before.state())), Ok(()));
    for seconds in [100, 200, 550, 650, 1000] {
        let now = NOW + Duration::from_secs(seconds);
        after.observe(1.5, now);
        before.observe(1.5, now);
        assert_eq!(summary_value(&after, now), summary_value(&before, now));
    }
}

#[test]
fn what_was_observed_before_restoring_counts_too() {
    let (before, after, whole) = (summary(), summary(), summary());
    before.observe_all(&VALUES, NOW);
    after.observe_all(&VALUES, NOW + Duration::from_secs(1));
    assert_eq!(after.restore(before.state()), Ok(()));
    whole.observe_all(&[VALUES, VALUES].concat(), NOW);
    assert_eq!(after.state().count, 10);
    assert_eq!(after.state().window.read(NOW).quantile(0.5), whole.state().window.read(NOW).quantile(0.5));
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let other = MetricDescriptor { buckets: vec![1.0], ..(*descriptor(MetricKind::Histogram)).clone() };
    let other = Histogram::new(Arc::new(other));
    assert_eq!(histogram().restore(&other.state()), Err(StateError::Buckets { found: 2, expected: 12 }));

    let max_age = Duration::from_secs(60);
    let other = Summary::new(&MetricDescriptor { max_age, ..(*descriptor(MetricKind::Summary)).clone() });
    let (found, expected) = (Duration::from_secs(6), Duration::from_secs(60));
    assert_eq!(summary().restore(other.state()), Err(StateError::Window { found, expected }));
}

#[test]
fn a_count_that_no_series_reaches_is_refused() {
    let count = MAX_COUNT + 1;
    let mut state = histogram().state();
    state.counts[3] = count;
    assert_eq!(histogram().restore(&state), Err(StateError::Count(count)));

    let state = SummaryState { count, ..summary().state() };
    assert_eq!(summary().restore(state), Err(StateError::Count(count)));
    let state = SummaryState { sum: f64::INFINITY, ..summary().state() };
    assert_eq!(summary().restore(state), Err(StateError::Sum(f64::INFINITY)));
}

proptest! {
    #[test]
    fn damage_is_found_or_harmless(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes
        };
        let (histogram, summary) = (histogram(), summary());
        histogram.observe_all(&VALUES);
        summary.observe_all(&VALUES, NOW);
        let state = damaged(postcard::to_stdvec(&histogram.state()).unwrap());
        if let Ok(state) = postcard::from_bytes(&state) {
            let _ = histogram.restore(&state);
        }
        let state = damaged(postcard::to_stdvec(&summary.state()).unwrap());
        if let Ok(state) = postcard::from_bytes(&state) {
            let _ = summary.restore(state);
        }
        histogram.observe(1.0);
        summary.observe(1.0, NOW);
        let _ = (histogram_value(&histogram), summary_value(&summary, NOW));
    }
}
