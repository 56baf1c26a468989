//! Handles and values by name and labels, and what is refused.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::SummaryOptions;

const NOW: UnixTime = Duration::from_secs(1_700_000_000);

fn registry() -> Registry {
    let registry = Registry::new("n");
    registry.register_counter("c", "", &["a"]).unwrap();
    registry.register_gauge("g", "", &["a"]).unwrap();
    registry.register_histogram("h", "", &["a"], &[]).unwrap();
    registry.register_summary("s", "", &["a"], SummaryOptions::default()).unwrap();
    registry
}

fn kind(name: &str, kind: MetricKind, wanted: &'static str) -> LookupError {
    LookupError::Kind { name: name.to_owned(), kind, wanted }
}

#[test]
fn a_handle_of_another_kind_is_refused_and_makes_no_series() {
    let registry = registry();
    let counter = registry.get("c").unwrap();
    let error = |wanted| kind("c", MetricKind::Counter, wanted);
    assert_eq!(counter.gauge(&["x"]).err(), Some(error("gauge")));
    assert_eq!(counter.histogram(&["x"]).err(), Some(error("histogram")));
    assert_eq!(counter.summary(&["x"]).err(), Some(error("summary")));
    let gauge = registry.get("g").unwrap();
    assert_eq!(gauge.counter(&["x"]).err(), Some(kind("g", MetricKind::Gauge, "counter")));
    assert_eq!(registry.series_count(), 0);
}

#[test]
fn labels_that_do_not_fit_are_an_error_when_written_and_when_read() {
    let registry = registry();
    let error =
        LookupError::Labels { name: "c".to_owned(), error: LabelError::Count { expected: 1, given: 2 } };
    assert_eq!(registry.get("c").unwrap().counter(&["x", "y"]).err(), Some(error.clone()));
    assert_eq!(registry.get_value("c", &["x", "y"]), Err(error));
    assert!(registry.get_statistics("h", &[], NOW).is_err());
    assert!(registry.get_quantile("s", &[], 0.5, NOW).is_err());
}

#[test]
fn what_is_asked_for_must_fit_the_kind() {
    let registry = registry();
    let histogram = kind("h", MetricKind::Histogram, "counter or gauge");
    assert_eq!(registry.get_value("h", &["x"]), Err(histogram));
    let counter = kind("c", MetricKind::Counter, "histogram or summary");
    assert_eq!(registry.get_statistics("c", &["x"], NOW), Err(counter.clone()));
    assert_eq!(registry.get_quantile("c", &["x"], 0.5, NOW), Err(counter));
    assert!(matches!(registry.get_quantile("h", &["x"], f64::NAN, NOW), Err(LookupError::Quantile(_))));
}

#[test]
fn reading_makes_no_series_and_finds_no_data() {
    let registry = registry();
    assert_eq!(registry.get_value("c", &["x"]), Ok(None));
    assert_eq!(registry.get_statistics("h", &["x"], NOW), Ok(None));
    assert_eq!(registry.get_quantile("s", &["x"], 0.5, NOW), Ok(None));
    assert_eq!(registry.series_count(), 0);
    registry.get("h").unwrap().histogram(&["x"]).unwrap();
    assert_eq!(registry.get_statistics("h", &["x"], NOW), Ok(None));
}

#[test]
fn a_summary_is_read_over_its_window_and_a_histogram_from_its_start() {
    let registry = registry();
    let summary = registry.get("s").unwrap().summary(&["x"]).unwrap();
    let histogram = registry.get("h").unwrap().histogram(&["x"]).unwrap();
    for value in [1.0, 2.0, 3.0] {
        summary.observe(value, NOW);
        histogram.observe(value);
    }
    for name in ["s", "h"] {
        let statistics = registry.get_statistics(name, &["x"], NOW).unwrap().unwrap();
        assert_eq!((statistics.count, statistics.sum, statistics.avg), (3, 6.0, 2.0));
        let median = registry.get_quantile(name, &["x"], 0.5, NOW).unwrap();
        assert_eq!(median, Some(statistics.p50));
    }
    let later = NOW + Duration::from_secs(601);
    assert_eq!(registry.get_statistics("s", &["x"], later), Ok(None));
    assert!(registry.get_statistics("h", &["x"], later).unwrap().is_some());
}

#[test]
fn the_value_of_a_gauge_is_the_one_of_no_producer() {
    let registry = registry();
    let gauge = registry.get("g").unwrap();
    gauge.gauge(&["x"]).unwrap().set(2.0);
    gauge.series(&["x"], Some("p")).unwrap().gauge().unwrap().set(7.0);
    assert_eq!(registry.get_value("g", &["x"]), Ok(Some(2.0)));
}

#[test]
fn statistics_agree_with_those_of_a_snapshot() {
    let registry = registry();
    let histogram = registry.get("h").unwrap().histogram(&["x"]).unwrap();
    (1..500).for_each(|value| histogram.observe(f64::from(value)));
    let snapshot = registry.collect_all(NOW);
    let metric = snapshot.metrics.iter().find(|metric| metric.name == "n_h").unwrap();
    let value = metric.series().next().unwrap().value;
    let crate::SeriesValue::Histogram(distribution) = value else { panic!("{value:?}") };
    assert_eq!(registry.get_statistics("h", &["x"], NOW), Ok(distribution.statistics));
}
