//! Tests of the descriptor rules.

use std::time::Duration;

use super::*;

fn histogram(buckets: &[f64]) -> MetricDescriptor {
    MetricDescriptor { buckets: buckets.to_vec(), ..MetricDescriptor::new("h", MetricKind::Histogram) }
}

fn labelled(kind: MetricKind, labels: &[&str]) -> MetricDescriptor {
    MetricDescriptor {
        label_names: labels.iter().map(ToString::to_string).collect(),
        ..MetricDescriptor::new("m", kind)
    }
}

#[test]
fn buckets_must_rise_and_be_finite() {
    assert_eq!(histogram(&[-1.0, 0.0, 1.0]).validate(), Ok(()));
    for bad in [[1.0, 1.0], [2.0, 1.0]] {
        assert!(matches!(histogram(&bad).validate(), Err(DescriptorError::UnsortedBuckets { .. })));
    }
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(matches!(histogram(&[1.0, bad]).validate(), Err(DescriptorError::NonFiniteBucket(_))));
    }
}

#[test]
fn reserved_labels_depend_on_the_kind() {
    for (kind, label) in [
        (MetricKind::Histogram, "le"),
        (MetricKind::Summary, "quantile"),
        (MetricKind::Gauge, "instance"),
        (MetricKind::Counter, "__name__"),
    ] {
        assert!(matches!(labelled(kind, &[label]).validate(), Err(DescriptorError::ReservedLabelName(_))));
    }
    assert_eq!(labelled(MetricKind::Counter, &["le", "instance"]).validate(), Ok(()));
}

#[test]
fn names_are_told_from_the_rest() {
    let bad_name = MetricDescriptor::new("9x", MetricKind::Gauge).validate();
    assert!(bad_name.is_err_and(|error| error.concerns_name()));
    assert!(labelled(MetricKind::Counter, &["a", "a"]).validate().is_err_and(|error| error.concerns_name()));
    assert!(histogram(&[f64::NAN]).validate().is_err_and(|error| !error.concerns_name()));
}

#[test]
fn quantiles_and_windows_are_checked() {
    let summary = MetricDescriptor::new("s", MetricKind::Summary);
    for bad in [-0.1, 1.1, f64::NAN] {
        let summary = MetricDescriptor { quantiles: vec![bad], ..summary.clone() };
        assert!(matches!(summary.validate(), Err(DescriptorError::InvalidQuantile(_))));
    }
    let windowless = MetricDescriptor { max_age: Duration::ZERO, ..summary };
    assert!(matches!(windowless.validate(), Err(DescriptorError::InvalidMaxAge(_))));
}

#[test]
fn parts_of_another_kind_contradict() {
    let gauge = MetricDescriptor { buckets: vec![1.0], ..MetricDescriptor::new("g", MetricKind::Gauge) };
    assert!(matches!(gauge.validate(), Err(DescriptorError::NotOfKind { .. })));
    let counter = MetricDescriptor { merge: Merge::Max, ..MetricDescriptor::new("c", MetricKind::Counter) };
    assert!(matches!(counter.validate(), Err(DescriptorError::InvalidMerge { .. })));
}
