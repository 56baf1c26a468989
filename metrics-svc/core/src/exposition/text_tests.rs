//! The text format, literally and read back.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{MetricDescriptor, MetricKind, Operation, Registry};

const NOW: Duration = Duration::from_secs(1_000_000);

fn rendered(descriptor: MetricDescriptor, labels: &[&str], samples: &[f64]) -> String {
    text(&snapshot(descriptor, labels, samples), TextFormat::Prometheus)
}

fn rendered_open(descriptor: MetricDescriptor, labels: &[&str], samples: &[f64]) -> String {
    text(&snapshot(descriptor, labels, samples), TextFormat::OpenMetrics)
}

fn snapshot(descriptor: MetricDescriptor, labels: &[&str], samples: &[f64]) -> Snapshot {
    let registry = Registry::new("ns");
    let metric = registry.register(descriptor).unwrap();
    let series = metric.series(labels, Some("robot")).unwrap();
    for sample in samples {
        series.apply(*sample, Operation::Default, NOW).unwrap();
    }
    registry.snapshot(NOW)
}

fn labelled(kind: MetricKind) -> MetricDescriptor {
    MetricDescriptor {
        help: "Back\\slash,\nline.".to_owned(),
        label_names: vec!["stage".to_owned()],
        ..MetricDescriptor::new("m", kind)
    }
}

#[test]
fn a_gauge_has_its_instance_and_escapes() {
    let page = rendered(labelled(MetricKind::Gauge), &["a\"b\\c\nd"], &[1.5]);
    assert_eq!(
        page,
        "# HELP ns_m Back\\\\slash,\\nline.\n# TYPE ns_m gauge\n\
         ns_m{stage=\"a\\\"b\\\\c\\nd\",instance=\"robot\"} 1.5\n"
    );
}

#[test]
fn a_histogram_is_cumulative_up_to_infinity() {
    let descriptor =
        MetricDescriptor { buckets: vec![1.0, 2.5], ..MetricDescriptor::new("h", MetricKind::Histogram) };
    let page = rendered(descriptor, &[], &[1.0, 2.0, 9.0]);
    assert_eq!(
        page,
        "# HELP ns_h \n# TYPE ns_h histogram\n\
         ns_h_bucket{le=\"1\"} 1\nns_h_bucket{le=\"2.5\"} 2\nns_h_bucket{le=\"+Inf\"} 3\n\
         ns_h_sum 12\nns_h_count 3\n"
    );
}

#[test]
fn a_summary_without_data_is_not_a_number() {
    let descriptor = MetricDescriptor::new("s", MetricKind::Summary);
    let page = rendered(descriptor, &[], &[]);
    assert!(page.contains("ns_s{quantile=\"0.5\"} NaN\n"), "{page}");
    assert!(page.ends_with("ns_s_sum 0\nns_s_count 0\n"), "{page}");
}

#[test]
fn open_metrics_names_a_counter_without_its_suffix() {
    let named = |name: &str, unit: &str| MetricDescriptor {
        help: "Say \"bytes\".".to_owned(),
        unit: unit.to_owned(),
        ..MetricDescriptor::new(name, MetricKind::Counter)
    };
    assert_eq!(
        rendered_open(named("sent_bytes_total", "bytes"), &[], &[2.0]),
        "# HELP ns_sent_bytes Say \\\"bytes\\\".\n# TYPE ns_sent_bytes counter\n# UNIT ns_sent_bytes bytes\n\
         ns_sent_bytes_total 2\n# EOF\n"
    );
    let page = rendered_open(named("sent", "bytes"), &[], &[2.0]);
    assert!(page.ends_with("# TYPE ns_sent counter\nns_sent_total 2\n# EOF\n"), "{page}");
}

#[test]
fn open_metrics_has_canonical_bounds() {
    let histogram = |buckets: &[f64]| MetricDescriptor {
        buckets: buckets.to_vec(),
        ..MetricDescriptor::new("h", MetricKind::Histogram)
    };
    assert_eq!(
        rendered_open(histogram(&[1.0]), &[], &[1.0, 2.0]),
        "# HELP ns_h \n# TYPE ns_h histogram\n\
         ns_h_bucket{le=\"1.0\"} 1\nns_h_bucket{le=\"+Inf\"} 2\nns_h_sum 3\nns_h_count 2\n# EOF\n"
    );
    let negative = rendered_open(histogram(&[-1.0]), &[], &[1.0]);
    assert!(negative.ends_with("ns_h_bucket{le=\"+Inf\"} 1\n# EOF\n"), "{negative}");
}

#[test]
fn open_metrics_has_no_negative_quantiles() {
    let summary = || MetricDescriptor::new("s", MetricKind::Summary);
    let page = rendered_open(summary(), &[], &[-1.0]);
    assert_eq!(page, "# HELP ns_s \n# TYPE ns_s summary\n# EOF\n");
    let page = rendered_open(summary(), &[], &[]);
    assert!(page.contains("ns_s{quantile=\"0.5\"} NaN\n"), "{page}");
}

/// Reads the one label value and the sample's value back from a line of a gauge.
fn parse(line: &str) -> Option<(String, f64)> {
    let rest = line.strip_prefix("ns_m{stage=\"")?;
    let (quoted, value) = rest.rsplit_once("\",instance=\"robot\"} ")?;
    let mut label = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        label.push(match character {
            '\\' if characters.as_str().starts_with('n') => characters.next().map(|_| '\n')?,
            '\\' => characters.next()?,
            other => other,
        });
    }
    Some((label, value.parse().ok()?))
}

proptest! {
    #[test]
    fn labels_and_values_read_back(label in "\\PC{0,40}|[\\\\\"\n]{0,9}", value in -1e300..1e300_f64) {
        let page = rendered(labelled(MetricKind::Gauge), &[&label], &[value]);
        let line = page.lines().nth(2).unwrap();
        prop_assert_eq!(parse(line), Some((label, value)));
    }
}
