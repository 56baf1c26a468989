//! The JSON form of each kind.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use serde_json::{Value, json as value};

use super::*;
use crate::{MetricDescriptor, Operation, Registry};

const NOW: Duration = Duration::from_millis(1_732_280_000_100);

fn rendered(descriptor: MetricDescriptor, samples: &[f64]) -> Value {
    let registry = Registry::new("ns");
    let name = format!("ns_{}", descriptor.name);
    let metric = registry.register(descriptor).unwrap();
    let series = metric.series(&["total"], None).unwrap();
    for sample in samples {
        series.apply(*sample, Operation::Default, NOW).unwrap();
    }
    let mut page: Value = serde_json::from_str(&json(&registry.snapshot(NOW))).unwrap();
    page[name].take()
}

fn labelled(kind: MetricKind) -> MetricDescriptor {
    MetricDescriptor {
        help: "Help.".to_owned(),
        unit: "seconds".to_owned(),
        label_names: vec!["stage".to_owned()],
        ..MetricDescriptor::new("m", kind)
    }
}

#[test]
fn a_counter_is_one_sample() {
    let expected = value!({
        "name": "ns_m", "type": "counter", "description": "Help.", "unit": "seconds",
        "samples": [{"labels": {"stage": "total"}, "value": 3.0, "timestamp": 1_732_280_000.1}],
    });
    assert_eq!(rendered(labelled(MetricKind::Counter), &[3.0]), expected);
}

#[test]
fn a_histogram_has_cumulative_buckets_and_totals() {
    let descriptor = MetricDescriptor { buckets: vec![0.01, 0.025], ..labelled(MetricKind::Histogram) };
    let metric = rendered(descriptor, &[0.01, 0.02, 1.0]);
    assert_eq!(metric["buckets"], value!([0.01, 0.025]));
    let samples = metric["samples"].as_array().unwrap();
    let read: Vec<_> = samples
        .iter()
        .map(|s| (s["labels"]["le"].as_str(), s["value"].as_f64(), s["_type"].as_str()))
        .collect();
    assert_eq!(
        read,
        [
            (Some("0.01"), Some(1.0), None),
            (Some("0.025"), Some(2.0), None),
            (Some("+Inf"), Some(3.0), None),
            (None, Some(1.03), Some("sum")),
            (None, Some(3.0), Some("count")),
        ]
    );
    assert_eq!(metric["statistics"][0]["count"], 3);
}

#[test]
fn a_summary_without_data_has_no_quantile_samples() {
    let metric = rendered(labelled(MetricKind::Summary), &[]);
    assert_eq!(metric["quantiles"], value!([0.5, 0.9, 0.99]));
    assert_eq!(metric["samples"].as_array().unwrap().len(), 2);
    assert_eq!(metric["statistics"], value!([]));
    let metric = rendered(labelled(MetricKind::Summary), &[2.0]);
    assert_eq!(metric["samples"][0]["labels"]["quantile"], "0.5");
    assert_eq!(metric["samples"][0]["value"], 2.0);
}
