//! Numbers, their room, and series that come back.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;
use vision_metrics::{Expiry, MetricDescriptor, MetricKind, Registry};

use super::*;

fn definition(id: u32, label: &str) -> SeriesDefinition {
    SeriesDefinition { id, metric: "g".to_owned(), label_values: vec![label.to_owned()] }
}

fn registry(max_series: usize) -> Registry {
    let registry = Registry::with_max_series("", max_series);
    let gauge = MetricDescriptor::new("g", MetricKind::Gauge);
    registry.register(MetricDescriptor { label_names: vec!["a".to_owned()], ..gauge }).unwrap();
    registry
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_number_means_one_series() {
    let registry = registry(0);
    let target = Target::anonymous(&registry, at(1));
    let mut table = SeriesTable::new(&Quota::default());
    assert!(!table.define(&target, &definition(1, "x")).unwrap());
    assert!(!table.define(&target, &definition(1, "x")).unwrap());
    let conflict = table.define(&target, &definition(1, "y")).unwrap_err();
    assert_eq!(conflict.reason, RejectionReason::DescriptorConflict);
}

#[test]
fn what_overflowed_finds_room_later_and_what_expired_comes_back() {
    let registry = registry(1);
    let target = Target::anonymous(&registry, at(1));
    let mut table = SeriesTable::new(&Quota::default());
    assert!(!table.define(&target, &definition(1, "x")).unwrap());
    assert!(table.define(&target, &definition(2, "y")).unwrap());
    assert!(table.define(&target, &definition(2, "y")).unwrap());
    let expiry = Expiry { gauges: Some(at(10)), totals: None };
    assert_eq!(registry.expire(expiry, |_| true), 1);
    let later = Target { now: at(20), ..target };
    assert!(!table.define(&later, &definition(2, "y")).unwrap());
    table.record_defined(&later, 1, 5.0).unwrap();
    assert_eq!(registry.snapshot(at(20)).metrics[0].series_count(), 2);
}

#[test]
fn memory_is_given_back_with_its_table() {
    let registry = registry(0);
    let target = Target::anonymous(&registry, at(1));
    let quota = Quota::default();
    let mut table = SeriesTable::new(&quota);
    table.define(&target, &definition(1, "x")).unwrap();
    table.define(&target, &definition(u32::MAX, "x")).unwrap();
    let metric = registry.get("g").unwrap();
    let series = metric.series(&["x"], None).unwrap();
    table.remember(b"identity", metric, series);
    let taken = || [&quota.numbers, &quota.names].map(|share| share.0.load(Relaxed));
    assert!(taken().iter().all(|taken| *taken > 0));
    drop(table);
    assert_eq!(taken(), [0, 0]);
}

#[test]
fn no_table_takes_more_than_there_is() {
    let quota = Quota::default();
    quota.numbers.0.store(MAX_NUMBER_BYTES_OF_ALL, Relaxed);
    let registry = registry(0);
    let target = Target::anonymous(&registry, at(1));
    let mut table = SeriesTable::new(&quota);
    let refused = table.define(&target, &definition(1, "x")).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::CardinalityLimit);
    drop(table);
    assert_eq!(quota.numbers.0.load(Relaxed), MAX_NUMBER_BYTES_OF_ALL);
}

proptest! {
    #[test]
    fn numbers_find_their_slots(numbers in prop::collection::hash_set(0..5000_u32, 0..300)) {
        let mut table = Numbers::default();
        let numbers: Vec<_> = numbers.into_iter().collect();
        for (slot, number) in (0..).zip(&numbers) {
            table.insert(*number, slot);
        }
        for (slot, number) in (0..).zip(&numbers) {
            prop_assert_eq!(table.get(*number), Some(slot));
        }
        prop_assert_eq!(table.iter().count(), numbers.len());
        prop_assert!((0..6000).filter(|number| table.get(*number).is_some()).count() == numbers.len());
    }
}

#[test]
fn what_cannot_be_defined_takes_no_room() {
    let (registry, quota) = (registry(0), Quota::default());
    let target = Target::anonymous(&registry, at(1));
    let mut table = SeriesTable::new(&quota);
    let unknown = SeriesDefinition { metric: "missing".to_owned(), ..definition(1, "x") };
    let too_many = SeriesDefinition { label_values: vec![String::new(); 2], ..definition(1, "x") };
    for wrong in [unknown, too_many, definition(1, &"x".repeat(1000))] {
        assert!(table.define(&target, &wrong).is_err());
    }
    assert_eq!(quota.numbers.0.load(Relaxed), 0);
}
