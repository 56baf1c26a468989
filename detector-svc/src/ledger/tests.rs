//! The ledger balances, whatever happens to frames.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use vision_metrics::{Registry, SeriesValue};

use super::*;

/// Every series of the registry that has a value, by name and label values.
fn read(registry: &Registry) -> BTreeMap<String, f64> {
    let snapshot = registry.snapshot(Duration::from_secs(1_000_000));
    let series = snapshot.metrics.iter().flat_map(|metric| {
        metric.series().map(move |series| {
            let labels: Vec<_> = series.labels.iter().map(|(_, value)| value).collect();
            let (SeriesValue::Counter(value) | SeriesValue::Gauge(value)) = series.value else {
                panic!("{} is a distribution", metric.name);
            };
            (format!("{} {}", metric.name, labels.join(" ")), value)
        })
    });
    series.filter(|(_, value)| *value != 0.0).collect()
}

#[test]
fn reasons_and_failures_index_their_own_counters() {
    for (index, reason) in DropReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
    }
    for (index, failure) in Failure::ALL.into_iter().enumerate() {
        assert_eq!(failure as usize, index);
    }
}

#[test]
fn each_verdict_has_its_counters() {
    let registry = Arc::new(Registry::new(""));
    let ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m", 0);
    let stream = StreamId::new("cam");
    ledger.receive(&stream, None).processed();
    ledger.receive(&stream, None).dropped(DropReason::Expired);
    ledger.receive(&stream, None).failed(Failure::Decode);
    drop(ledger.receive(&stream, None));
    ledger.missed(&stream, DropReason::Trimmed, 5);
    let open = ledger.receive(&stream, None);
    let expected = [
        ("errors_total preprocess decode", 1.0),
        ("frames_dropped_total m expired", 1.0),
        ("frames_dropped_total m shutdown", 1.0),
        ("frames_dropped_total m trimmed", 5.0),
        ("frames_in_flight ", 1.0),
        ("frames_processed_total m failure", 1.0),
        ("frames_processed_total m success", 1.0),
        ("frames_received_total cam", 10.0),
    ];
    assert_eq!(read(&registry), expected.map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!(ledger.in_flight(), 1);
    drop(open);
}

proptest! {
    #[test]
    fn the_ledger_balances_after_every_step(verdicts in prop::collection::vec(0..6_u8, 0..60)) {
        let registry = Arc::new(Registry::new(""));
        let ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m", 0);
        let stream = StreamId::new("cam");
        let mut open = Vec::new();
        for verdict in verdicts {
            match (verdict, open.pop()) {
                (0, Some(ticket)) => Ticket::processed(ticket),
                (1, Some(ticket)) => ticket.dropped(DropReason::Superseded),
                (2, Some(ticket)) => ticket.failed(Failure::Publish),
                (3, Some(ticket)) => drop(ticket),
                (4, ticket) => {
                    open.extend(ticket);
                    ledger.missed(&stream, DropReason::Trimmed, 3);
                }
                (_, ticket) => {
                    open.extend(ticket);
                    open.push(ledger.receive(&stream, None));
                }
            }
            let read = read(&registry);
            let sum = |prefix| read.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, v)| v).sum::<f64>();
            let ended = sum("frames_processed") + sum("frames_dropped");
            prop_assert_eq!(sum("frames_received"), ended + sum("frames_in_flight"));
            prop_assert_eq!(sum("frames_in_flight"), open.len() as f64);
        }
    }
}

#[test]
fn frames_of_a_killed_run_are_dropped() {
    let registry = Arc::new(Registry::new(""));
    let _ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m", 3);
    assert_eq!(read(&registry), [("frames_dropped_total m shutdown".to_owned(), 3.0)].into());
}

#[test]
fn a_reader_finds_it_balanced_at_any_moment() {
    let registry = Arc::new(Registry::new(""));
    let ledger = Ledger::new(&Recorder::local(Arc::clone(&registry)), "m", 0);
    let stream = StreamId::new("cam");
    std::thread::scope(|scope| {
        let counting = [0, 1].map(|_| {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    ledger.receive(&stream, None).processed();
                    ledger.missed(&stream, DropReason::Trimmed, 2);
                }
            })
        });
        while !counting.iter().all(|thread| thread.is_finished()) {
            let read = read(&registry);
            let sum = |prefix| {
                read.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, v)| v).sum::<f64>()
            };
            let accounted = sum("frames_processed") + sum("frames_dropped") + sum("frames_in_flight");
            assert_eq!(sum("frames_received"), accounted);
        }
    });
}
