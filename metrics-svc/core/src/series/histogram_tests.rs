//! Buckets, and bursts beside single values.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::{Distribution, MetricKind, SeriesValue};

const BOUNDS: [f64; 3] = [-1.0, 0.5, 2.0];

fn histogram() -> Histogram {
    Histogram::new(Arc::new(MetricDescriptor {
        buckets: BOUNDS.to_vec(),
        quantiles: vec![0.5],
        ..MetricDescriptor::new("h", MetricKind::Histogram)
    }))
}

fn read(histogram: &Histogram) -> Distribution {
    match histogram.read(Detail::Full).value(&histogram.0.descriptor) {
        SeriesValue::Histogram(distribution) => distribution,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bounds_are_inclusive() {
    let histogram = histogram();
    BOUNDS.iter().for_each(|bound| histogram.observe(*bound));
    let counts: Vec<_> = read(&histogram).buckets.iter().map(|b| b.1).collect();
    assert_eq!(counts, [1, 2, 3, 3]);
}

#[test]
fn what_is_not_finite_is_ignored() {
    let histogram = histogram();
    histogram.observe(f64::NAN);
    histogram.observe(f64::INFINITY);
    histogram.observe_all(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let read = read(&histogram);
    assert_eq!((read.count, read.sum), (0, 0.0));
    assert_eq!(read.quantiles, [(0.5, None)]);
    assert_eq!(read.statistics, None);
}

#[test]
fn many_bounds_are_inclusive_too() {
    let bounds: Vec<_> = (0..100).map(f64::from).collect();
    let descriptor =
        MetricDescriptor { buckets: bounds.clone(), ..MetricDescriptor::new("h", MetricKind::Histogram) };
    let histogram = Histogram::new(Arc::new(descriptor));
    bounds.iter().for_each(|bound| histogram.observe(*bound));
    assert!(histogram.counts().eq([1; 100].into_iter().chain([0])));
}

#[test]
fn nothing_is_lost_among_many_writers() {
    let histogram = histogram();
    let values: Vec<_> = (0..1000).map(|index| f64::from(index % 5) - 1.5).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| values.iter().for_each(|value| histogram.observe(*value)));
            scope.spawn(|| values.chunks(10).for_each(|burst| histogram.observe_all(burst)));
        }
    });
    let read = read(&histogram);
    assert_eq!(read.buckets, [(-1.0, 800), (0.5, 2400), (2.0, 3200), (f64::INFINITY, 4000)]);
    assert_eq!((read.count, read.sum), (4000, 2000.0));
    assert_eq!(read.statistics.map(|statistics| statistics.count), Some(4000));
}

proptest! {
    #[test]
    fn buckets_agree_with_counting(values in prop::collection::vec(-3.0..3.0_f64, 0..200)) {
        let histogram = histogram();
        values.iter().for_each(|value| histogram.observe(*value));
        let read = read(&histogram);
        for (bound, count) in &read.buckets {
            let expected = values.iter().filter(|value| *value <= bound).count();
            prop_assert_eq!(*count, expected as u64);
        }
        prop_assert_eq!(read.count, values.len() as u64);
    }

    #[test]
    fn a_burst_equals_its_values(values in prop::collection::vec(-3.0..3.0_f64, 0..200)) {
        let (whole, single) = (histogram(), histogram());
        whole.observe_all(&values);
        values.iter().for_each(|value| single.observe(*value));
        let (mut whole, single) = (read(&whole), read(&single));
        prop_assert!((whole.sum - single.sum).abs() < 1e-9);
        // But for how their sums were rounded they are the same.
        whole.sum = single.sum;
        if let (Some(whole), Some(single)) = (&mut whole.statistics, &single.statistics) {
            (whole.sum, whole.avg) = (single.sum, single.avg);
        }
        prop_assert_eq!(whole, single);
    }
}
