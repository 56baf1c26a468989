//! Who is remembered, and for how long.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use vision_metrics::Registry;

use super::*;
use crate::ingest::{ApplyError, wire::Batch};

const IDLE: Duration = Duration::from_secs(100);

#[test]
fn only_producers_that_are_gone_are_forgotten() {
    let (table, start) = (ProducerTable::new(0), Duration::from_secs(1000));
    let open = table.open("open", 1, start).unwrap();
    drop(table.open("closed", 1, start).unwrap());
    let forget = |deadline| table.forget(&table.idle(deadline), deadline);
    assert_eq!(forget(start), 0);
    assert!(table.is_about("open", start + IDLE) && !table.is_about("closed", start + IDLE));
    assert_eq!(table.idle(start + IDLE), BTreeSet::from(["closed".to_owned()]));
    assert_eq!(forget(start + IDLE), 1);
    drop(open);
    assert_eq!(table.forget(&BTreeSet::from(["open".to_owned()]), start), 0, "not idle any more");
    assert_eq!(forget(start + IDLE), 1);
    assert_eq!(table.len(), 0);
}

#[test]
fn the_id_has_a_length() {
    let table = ProducerTable::new(0);
    for id in [String::new(), "x".repeat(MAX_ID_BYTES + 1)] {
        assert_eq!(table.open(&id, 1, IDLE).unwrap_err(), OpenError::InvalidId(id.len()));
    }
}

#[test]
fn a_batch_of_an_older_run_never_counts_in_a_newer_one() {
    let (table, registry) = (ProducerTable::new(0), Registry::new(""));
    let older = table.open("robot", 1, IDLE).unwrap();
    let newer = table.open("robot", 2, IDLE).unwrap();
    let message = [0x10, 7];
    let batch = Batch::parse(&message).unwrap();
    let refused = older.apply(&registry, &batch, IDLE).unwrap_err();
    assert_eq!(refused, ApplyError::Superseded("robot".to_owned()));
    assert_eq!(newer.last_applied(), 0);
}

#[test]
fn progress_is_restored() {
    let (table, registry) = (ProducerTable::new(0), Registry::new(""));
    let session = table.open("robot", 3, IDLE).unwrap();
    session.apply(&registry, &Batch::parse(&[0x10, 7]).unwrap(), 2 * IDLE).unwrap();
    let anonymous = table.open_anonymous();
    let progress: Vec<_> = table.everybody().iter().map(|producer| producer.progress(|_| ()).0).collect();
    assert_eq!(progress.len(), 2);
    drop(anonymous);

    let restored = ProducerTable::new(0);
    let sessions: Vec<_> = progress.iter().map(|progress| restored.restore(progress).unwrap()).collect();
    let again: Vec<_> = restored.everybody().iter().map(|producer| producer.progress(|_| ()).0).collect();
    assert_eq!(again, progress);
    for (id, epoch, new) in [("robot", 3, false), ("robot", 4, true), ("other", 0, true)] {
        assert_eq!(restored.is_new(id, epoch), Ok(new));
    }
    assert_eq!(restored.is_new("", 0), Err(OpenError::InvalidId(0)));
    assert_eq!(restored.open_anonymous().sender(), &Sender::Anonymous(1));
    drop(sessions);
}

#[test]
fn who_was_away_because_the_service_was_has_time_to_come_back() {
    let (table, start) = (ProducerTable::new(0), Duration::from_secs(1000));
    drop(table.open("robot", 1, start).unwrap());
    let restarted = start + 100 * IDLE;
    table.see_all(restarted);
    assert!(table.idle(restarted).is_empty());
    assert!(table.is_about("robot", restarted));
    assert_eq!(table.idle(restarted + IDLE).len(), 1);
}
