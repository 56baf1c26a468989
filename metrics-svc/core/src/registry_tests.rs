//! Registration, series, merging over producers and the budget.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    Counter, Exemplar, Merge, Operation, Origin, SeriesValue, ValueError,
    exposition::{TextFormat, text},
};

pub(super) const NOW: UnixTime = Duration::from_secs(1_000_000);

pub(super) fn descriptor(name: &str, kind: MetricKind, merge: Merge) -> MetricDescriptor {
    MetricDescriptor { label_names: vec!["stage".to_owned()], merge, ..MetricDescriptor::new(name, kind) }
}

pub(super) fn record(registry: &Registry, name: &str, producer: &str, value: f64) {
    let metric = registry.get(name).unwrap();
    let series = metric.series(&["total"], Some(producer)).unwrap();
    series.apply(value, Operation::Default, NOW).unwrap();
}

pub(super) fn values(registry: &Registry) -> Vec<(usize, SeriesValue)> {
    let snapshot = registry.snapshot(NOW);
    let series = snapshot.metrics.iter().flat_map(|metric| metric.series());
    series.map(|s| (s.labels.iter().count(), s.value)).collect()
}

pub(super) fn expire_gauges(registry: &Registry, idle: Duration, now: UnixTime) -> usize {
    let gauges = Some(now.saturating_sub(idle));
    registry.expire(Expiry { gauges, totals: None }, |_| true)
}

#[test]
fn the_same_definition_returns_the_same_metric() {
    let registry = Registry::new("ns");
    let counter = descriptor("c_total", MetricKind::Counter, Merge::Default);
    let first = registry.register(counter.clone()).unwrap();
    first.series(&["a"], None).unwrap().counter().unwrap().inc();
    let second = registry.register(counter).unwrap();
    let total = second.series(&["a"], None).unwrap().counter().unwrap().get();
    assert_eq!(total, 1.0);
    assert_eq!(registry.snapshot(NOW).metrics[0].name, "ns_c_total");
}

#[test]
fn another_definition_is_a_conflict() {
    let registry = Registry::new("ns");
    let counter = descriptor("m", MetricKind::Counter, Merge::Default);
    registry.register(counter.clone()).unwrap();
    let other_kind = descriptor("m", MetricKind::Gauge, Merge::Default);
    let other_labels = MetricDescriptor::new("m", MetricKind::Counter);
    for (other, expected) in [(other_kind, "kind"), (other_labels, "labels")] {
        let error = registry.register(other).unwrap_err();
        assert!(matches!(error, RegisterError::Conflict { part, .. } if part == expected));
    }
}

#[test]
fn explicit_defaults_equal_absent_ones() {
    let registry = Registry::new("");
    let implicit = MetricDescriptor::new("h", MetricKind::Histogram);
    let explicit = MetricDescriptor { buckets: crate::DEFAULT_BUCKETS.to_vec(), ..implicit.clone() };
    registry.register(implicit).unwrap();
    assert!(registry.register(explicit).is_ok());
}

#[test]
fn sample_names_may_not_collide() {
    let registry = Registry::new("ns");
    registry.register(MetricDescriptor::new("h", MetricKind::Histogram)).unwrap();
    let error = registry.register(MetricDescriptor::new("h_count", MetricKind::Counter)).unwrap_err();
    assert!(matches!(error, RegisterError::SampleNameTaken { .. }));
    registry.register(MetricDescriptor::new("c_total", MetricKind::Counter)).unwrap();
    let error = registry.register(MetricDescriptor::new("c", MetricKind::Gauge)).unwrap_err();
    assert!(matches!(error, RegisterError::SampleNameTaken { .. }));
}

#[test]
fn gauges_stay_apart_and_counters_add_up() {
    let registry = Registry::new("ns");
    for (name, kind) in [("a", MetricKind::Counter), ("b", MetricKind::Gauge)] {
        registry.register(descriptor(name, kind, Merge::Default)).unwrap();
        record(&registry, name, "one", 2.0);
        record(&registry, name, "two", 3.0);
    }
    let expected =
        [(1, SeriesValue::Counter(5.0)), (2, SeriesValue::Gauge(2.0)), (2, SeriesValue::Gauge(3.0))];
    assert_eq!(values(&registry), expected);
}

#[test]
fn gauges_merge_as_declared() {
    let registry = Registry::new("ns");
    for (name, merge) in [("a", Merge::Sum), ("b", Merge::Max), ("c", Merge::Last)] {
        registry.register(descriptor(name, MetricKind::Gauge, merge)).unwrap();
        record(&registry, name, "one", 4.0);
        record(&registry, name, "two", 3.0);
    }
    let gauges = [7.0, 4.0, 3.0].map(|value| (1, SeriesValue::Gauge(value)));
    assert_eq!(values(&registry), gauges);
}

#[test]
fn past_the_budget_series_overflow() {
    let registry = Registry::with_max_series("ns", 2);
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    for value in ["a", "b"] {
        assert!(!metric.series(&[value], None).unwrap().is_overflow());
    }
    for value in ["c", "d"] {
        let series = metric.series(&[value], None).unwrap();
        assert!(series.is_overflow());
        series.apply(1.0, Operation::Add, NOW).unwrap();
    }
    assert_eq!(registry.series_count(), 2);
    metric.count_overflow(2);
    assert_eq!(metric.overflowed(), 2);
    assert_eq!(values(&registry)[2], (1, SeriesValue::Counter(2.0)));
}

#[test]
fn idle_gauges_expire_and_come_back() {
    let registry = Registry::with_max_series("ns", 1);
    let metric = registry.register(descriptor("g", MetricKind::Gauge, Merge::Default)).unwrap();
    record(&registry, "g", "one", 1.0);
    let held = metric.series(&["total"], Some("one")).unwrap();
    let later = NOW + Duration::from_secs(60);
    assert_eq!(expire_gauges(&registry, Duration::from_secs(60), later), 0);
    assert_eq!(expire_gauges(&registry, Duration::from_secs(59), later), 1);
    let refused = held.apply(2.0, Operation::Set, later);
    assert_eq!(refused, Err(ValueError::Expired));
    record(&registry, "g", "one", 3.0);
    assert_eq!(values(&registry), [(2, SeriesValue::Gauge(3.0))]);
}

#[test]
fn samples_are_checked() {
    let registry = Registry::new("ns");
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    let series = metric.series(&["a"], None).unwrap();
    let apply = |value, operation| series.apply(value, operation, NOW);
    assert_eq!(apply(-1.0, Operation::Add), Err(ValueError::Negative(-1.0)));
    assert!(matches!(apply(f64::NAN, Operation::Add), Err(ValueError::NotFinite(_))));
    assert!(matches!(apply(1.0, Operation::Set), Err(ValueError::Operation { .. })));
    assert_eq!(series.counter().unwrap().get(), 0.0);
}

#[test]
fn what_is_not_applied_is_known_beforehand() {
    for (operation, kind, value, fits) in [
        (Operation::Add, MetricKind::Gauge, -1.0, true),
        (Operation::Set, MetricKind::Counter, 1.0, false),
        (Operation::Default, MetricKind::Counter, -1.0, false),
        (Operation::Add, MetricKind::Histogram, 1.0, false),
        (Operation::Default, MetricKind::Summary, f64::INFINITY, false),
    ] {
        assert_eq!(operation.check(kind, value).is_ok(), fits, "{operation:?} {kind} {value}");
    }
}

#[test]
fn without_labels_only_producers_overflow() {
    let registry = Registry::with_max_series("ns", 1);
    for (name, kind) in [("a", MetricKind::Counter), ("b", MetricKind::Gauge)] {
        registry.register(MetricDescriptor::new(name, kind)).unwrap();
    }
    let series = |name: &str, producer| registry.get(name).unwrap().series(&[], producer).unwrap();
    assert!(!series("a", Some("one")).is_overflow());
    assert!(!series("a", Some("two")).is_overflow());
    for producer in [Some("one"), Some("two"), None] {
        let gauge = series("b", producer);
        assert!(gauge.is_overflow());
        gauge.apply(1.0, Operation::Default, NOW).unwrap();
    }
    assert_eq!(expire_gauges(&registry, Duration::ZERO, NOW + Duration::from_secs(1)), 0);
    let snapshot = registry.snapshot(NOW);
    let overflow = snapshot.metrics[1].series().next().unwrap();
    assert_eq!(overflow.labels.as_str(), "instance=\"__overflow__\"");
}

#[test]
fn the_name_of_the_overflow_takes_nothing_from_the_budget() {
    let registry = Registry::with_max_series("ns", 1);
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    assert!(metric.series(&["__overflow__"], None).unwrap().is_overflow());
    assert!(!metric.series(&["a"], None).unwrap().is_overflow());
    assert!(metric.series(&["b"], None).unwrap().is_overflow());
    assert_eq!(registry.snapshot(NOW).metrics[0].series_count(), 2);
}

#[test]
fn a_defined_gauge_expires_though_it_was_never_set() {
    let registry = Registry::new("ns");
    let metric = registry.register(descriptor("g", MetricKind::Gauge, Merge::Default)).unwrap();
    metric.series(&["a"], Some("one")).unwrap().touch(NOW);
    assert_eq!(expire_gauges(&registry, Duration::from_secs(1), NOW + Duration::from_secs(2)), 1);
}

#[test]
fn extra_buckets_join_those_declared() {
    let extra = [("h".to_owned(), vec![0.002, 0.001, 1.0]), ("c".to_owned(), vec![1.0])];
    let registry = Registry::new("ns").with_extra_buckets(extra.into());
    let declared =
        MetricDescriptor { buckets: vec![0.5, 1.0], ..MetricDescriptor::new("h", MetricKind::Histogram) };
    let metric = registry.register(declared.clone()).unwrap();
    assert_eq!(metric.descriptor().buckets, [0.001, 0.002, 0.5, 1.0]);
    assert!(registry.register(declared.clone()).is_ok());
    let other = MetricDescriptor { buckets: vec![0.25], ..declared };
    assert!(registry.register(other).is_err());
    assert!(registry.register(MetricDescriptor::new("c", MetricKind::Counter)).is_ok());
}

#[test]
fn a_metric_and_a_producer_have_budgets_of_their_own() {
    let limits = SeriesLimits { total: 10, per_metric: 2 };
    let registry = Registry::with_limits("ns", limits);
    let metrics = ["a", "b"]
        .map(|name| registry.register(descriptor(name, MetricKind::Counter, Merge::Default)).unwrap());
    let budget = Arc::new(SeriesBudget::new(3));
    let origin = Origin { budget: Some(&budget), ..Origin::default() };
    let overflows = |metric: usize, value| metrics[metric].series(&[value], origin).unwrap().is_overflow();
    assert_eq!(["x", "y", "z"].map(|value| overflows(0, value)), [false, false, true]);
    assert_eq!(["x", "y"].map(|value| overflows(1, value)), [false, true]);
    // Others may still make what this one may not.
    assert!(!metrics[1].series(&["y"], None).unwrap().is_overflow());
    assert_eq!((budget.used(), registry.series_count()), (3, 4));
}

#[test]
fn a_series_counts_since_it_is_known_not_to_have_been() {
    let registry = Registry::new("ns").started_at(NOW);
    let metric = registry.register(descriptor("c", MetricKind::Counter, Merge::Default)).unwrap();
    metric.series(&["first"], None).unwrap();
    let _ = registry.snapshot(NOW + Duration::from_secs(10));
    metric.series(&["second"], None).unwrap();
    let now = Some(NOW + Duration::from_millis(20_500));
    metric.series(&["third"], Origin { now, ..Origin::default() }).unwrap();
    let page = text(&registry.snapshot(NOW + Duration::from_secs(60)), TextFormat::OpenMetrics);
    for expected in [
        "ns_c_created{stage=\"first\"} 1000000\n",
        "ns_c_created{stage=\"second\"} 1000010\n",
        "ns_c_created{stage=\"third\"} 1000020.5\n",
    ] {
        assert!(page.contains(expected), "{page}");
    }
}

#[test]
fn exemplars_stand_at_their_sample() {
    let registry = Registry::new("ns");
    for (name, kind) in [("c", MetricKind::Counter), ("h", MetricKind::Histogram), ("g", MetricKind::Gauge)] {
        let metric = registry.register(descriptor(name, kind, Merge::Last)).ok();
        let metric =
            metric.or_else(|| registry.register(descriptor(name, kind, Merge::Default)).ok()).unwrap();
        let series = metric.series(&["a"], None).unwrap();
        series.offer_exemplar(Exemplar { trace_id: [0xab; 16], value: 0.3, time: NOW });
    }
    let page = text(&registry.snapshot(NOW), TextFormat::OpenMetrics);
    let trace = format!(" # {{trace_id=\"{}\"}} 0.3 1000000\n", "ab".repeat(16));
    let traced: Vec<_> = page.lines().filter(|line| line.contains(" # {")).collect();
    assert_eq!(traced.len(), 2, "{page}");
    assert!(page.contains(&format!("ns_c_total{{stage=\"a\"}} 0{trace}")), "{page}");
    assert!(page.contains(&format!("ns_h_bucket{{stage=\"a\",le=\"0.5\"}} 0{trace}")), "{page}");
    assert!(!text(&registry.snapshot(NOW), TextFormat::Prometheus).contains("trace_id"));
}

#[test]
fn a_snapshot_shows_all_of_what_belongs_together_or_nothing() {
    let registry = Registry::new("ns");
    let counters = ["a", "b"].map(|name| {
        let metric = registry.register(MetricDescriptor::new(name, MetricKind::Counter)).unwrap();
        metric.series(&[], None).unwrap().counter().unwrap()
    });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..20_000 {
                let _together = registry.together();
                counters.iter().for_each(Counter::inc);
            }
        });
        while !writer.is_finished() {
            let seen = values(&registry);
            assert_eq!(seen[0], seen[1]);
        }
    });
}
