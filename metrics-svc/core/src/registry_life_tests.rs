//! Series that expire, return, and are kept beyond the process.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::{
    tests::{NOW, descriptor, expire_gauges, record, values},
    *,
};
use crate::{
    Merge, Operation, SeriesState, SeriesValue, ValueError,
    exposition::{TextFormat, text},
};

#[test]
fn a_total_that_expired_goes_on_when_it_returns() {
    let registry = Registry::with_max_series("ns", 1);
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    record(&registry, "c", "one", 5.0);
    let held = metric.series(&["total"], None).unwrap();
    let later = NOW + Duration::from_secs(100);
    let expire = |totals| registry.expire(Expiry { gauges: None, totals }, |_| true);
    assert_eq!(expire(None), 0);
    assert_eq!(expire(Some(later)), 1);
    assert_eq!((values(&registry).len(), registry.series_count(), registry.retired_count()), (0, 0, 1));
    assert_eq!(held.apply(1.0, Operation::Add, later), Err(ValueError::Expired));
    let returned = metric.series(&["total"], None).unwrap();
    returned.apply(2.0, Operation::Add, later).unwrap();
    assert_eq!(values(&registry), [(1, SeriesValue::Counter(7.0))]);
    assert_eq!((registry.series_count(), registry.retired_count()), (1, 0));
    assert_eq!(held.apply(1.0, Operation::Add, later), Ok(()), "the old handle is good again");
}

#[test]
fn who_lives_on_does_not_expire() {
    let registry = Registry::new("ns");
    registry.register(descriptor("g", MetricKind::Gauge, Merge::Default)).unwrap();
    for producer in ["here", "gone"] {
        record(&registry, "g", producer, 1.0);
    }
    let expiry = Expiry { gauges: Some(NOW + Duration::from_secs(1)), totals: None };
    let gone = |series: &Series| series.labels().get("instance").as_deref() == Some("gone");
    assert_eq!(registry.expire(expiry, gone), 1);
    assert_eq!(values(&registry).len(), 1);
}

#[test]
fn many_series_come_and_go() {
    let registry = Registry::new("ns");
    let metric = registry.register(descriptor("g", MetricKind::Gauge, Merge::Last)).unwrap();
    let name = |number: u64| format!("{number}");
    let set = |number: u64, now| {
        let series = metric.series(&[&name(number)], None).unwrap();
        series.apply(number as f64, Operation::Set, now).unwrap();
    };
    (0..5000).for_each(|number| set(number, NOW));
    let later = NOW + Duration::from_secs(100);
    (0..5000).step_by(7).for_each(|number| set(number, later));
    assert_eq!(expire_gauges(&registry, Duration::from_secs(50), later), 5000 - 715);
    let snapshot = registry.snapshot(later);
    assert_eq!(snapshot.metrics[0].series_count(), 715);
    for (series, number) in snapshot.metrics[0].series().zip((0..5000).step_by(7)) {
        assert_eq!(series.labels.get("stage").as_deref(), Some(&*name(number)));
        assert_eq!(series.value, SeriesValue::Gauge(number as f64));
    }
}

#[test]
fn what_is_captured_can_be_restored() {
    let registry = Registry::new("ns");
    for (name, kind) in [
        ("c", MetricKind::Counter),
        ("g", MetricKind::Gauge),
        ("h", MetricKind::Histogram),
        ("s", MetricKind::Summary),
    ] {
        registry.register(descriptor(name, kind, Merge::Default)).unwrap();
        record(&registry, name, "one", 2.5);
    }
    let metric = registry.register(descriptor("old", MetricKind::Counter, Merge::Default)).unwrap();
    record(&registry, "old", "one", 4.0);
    let totals = Some(NOW + Duration::from_secs(1));
    assert_eq!(
        registry.expire(Expiry { gauges: None, totals }, |series| series.kind() == metric.descriptor().kind),
        2
    );

    let restored = Registry::new("ns");
    for captured in registry.capture() {
        let metric = restored.register(captured.declared().clone()).unwrap();
        for state in captured.into_series() {
            let bytes = postcard::to_stdvec(&state).unwrap();
            let state: SeriesState = postcard::from_bytes(&bytes).unwrap();
            assert!(metric.restore(state.clone(), None));
            assert!(state.retired || !metric.restore(state, None), "only once");
        }
    }
    let page = |registry: &Registry| text(&registry.snapshot(NOW), TextFormat::OpenMetrics);
    assert_eq!(page(&restored), page(&registry));
    assert_eq!(restored.series_count(), registry.series_count());
    record(&restored, "old", "one", 1.0);
    let old = restored.get("old").unwrap().find(&["total"], None).unwrap();
    assert_eq!(old.counter().unwrap().get(), 5.0);
}

#[test]
fn a_total_that_there_is_no_room_to_keep_does_not_expire() {
    let registry = Registry::with_max_series("ns", 1);
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    let count = |label, now| {
        let series = metric.series(&[label], None).unwrap();
        series.apply(1.0, Operation::Add, now).unwrap();
    };
    let at = |seconds| NOW + Duration::from_secs(seconds);
    let expire = |deadline| registry.expire(Expiry { gauges: None, totals: Some(deadline) }, |_| true);
    count("first", NOW);
    assert_eq!(expire(at(10)), 1);
    count("second", at(10));
    assert_eq!((expire(at(20)), registry.retired_count()), (0, 1));
    assert_eq!(values(&registry), [(1, SeriesValue::Counter(1.0))]);
}
