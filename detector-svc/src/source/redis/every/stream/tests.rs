//! An entry is with this process once, and its deliveries are counted.
#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::{ownership::KnownStream, redis_client::Policy, source::redis::entry::Fields};

fn stream() -> (Stream, Reading, UnboundedReceiver<Settled>) {
    let known = KnownStream { id: StreamId::new("cam"), policy: Policy::Every, named: true };
    let owned = Owned { stream: known, tenure: None, draining: false };
    let (receipts, settled) = unbounded_channel();
    let group = Group { name: "g".to_owned(), consumer: "c".to_owned() };
    let reading = Reading {
        group,
        claim_first: Duration::ZERO,
        claim_after: Duration::from_secs(30),
        max_deliveries: 2,
        refused_pause: Duration::from_secs(1),
        receipts,
    };
    (Stream::new(owned, Held::new(), Instant::now()), reading, settled)
}

fn id(milliseconds: u64) -> FrameId {
    FrameId { milliseconds, sequence: 0 }
}

fn entry(milliseconds: u64, image: bool) -> RawEntry {
    let mut fields = Fields::new();
    if image {
        fields.insert(b"image_data".to_vec(), b"AAAA".as_slice().into());
        fields.insert(b"format".to_vec(), b"jpeg".as_slice().into());
    }
    RawEntry { id: id(milliseconds).to_string(), fields }
}

#[test]
fn an_entry_in_flight_is_not_delivered_again() {
    let (mut stream, reading, _settled) = stream();
    let mut events = Vec::new();
    stream.take(entry(1, true), 1, &reading, &mut events);
    stream.take(entry(1, true), 1, &reading, &mut events);
    assert_eq!(events.len(), 1);
    stream.let_go(id(1));
    stream.take(entry(1, true), 2, &reading, &mut events);
    assert_eq!(events.len(), 2);
}

#[test]
fn only_retries_count_towards_giving_up() {
    let (mut stream, reading, mut settled) = stream();
    let (mut events, now) = (Vec::new(), Instant::now());
    stream.take(entry(1, true), 1, &reading, &mut events);
    for _ in 0..3 {
        stream.take_back(id(1), false, &reading, now, &mut events);
        assert_eq!(stream.again.remove(&id(1)).unwrap().0, 1);
        stream.take(entry(1, true), 1, &reading, &mut events);
    }
    stream.take_back(id(1), true, &reading, now, &mut events);
    assert_eq!(stream.again.remove(&id(1)).unwrap().0, 2);
    stream.take(entry(1, true), 2, &reading, &mut events);
    stream.take_back(id(1), true, &reading, now, &mut events);
    assert!(matches!(events.last(), Some(SourceEvent::Poison { deliveries: 2, .. })), "{events:?}");
    assert_eq!(settled.try_recv().unwrap().outcome, Outcome::Acknowledge);
}

#[test]
fn what_is_no_frame_is_acknowledged() {
    let (mut stream, reading, mut settled) = stream();
    let mut events = Vec::new();
    stream.take(entry(1, false), 1, &reading, &mut events);
    assert!(matches!(events[..], [SourceEvent::Invalid { .. }]), "{events:?}");
    assert_eq!(settled.try_recv().unwrap().id, id(1));
}

#[test]
fn a_stream_has_drained_when_nothing_is_in_flight() {
    let (mut stream, reading, _settled) = stream();
    let (mut events, now) = (Vec::new(), Instant::now());
    stream.take(entry(1, true), 1, &reading, &mut events);
    stream.take(entry(2, true), 1, &reading, &mut events);
    let draining = Owned { draining: true, ..stream.owned.clone() };
    stream.go_on(draining, now);
    stream.take_back(id(1), false, &reading, now, &mut events);
    assert!(!stream.has_drained() && stream.again.is_empty(), "the next owner delivers it");
    stream.let_go(id(2));
    assert!(stream.has_drained());
    assert!(!stream.has_drained(), "it is told once");
}

#[test]
fn an_entry_that_may_kill_goes_last_and_alone() {
    let (mut stream, reading, _settled) = stream();
    let (mut events, now) = (Vec::new(), Instant::now());
    for (number, delivery) in [(1, SUSPECT), (2, 2), (3, SUSPECT + 1), (4, 1)] {
        stream.again.insert(id(number), (delivery, now));
    }
    assert_eq!(stream.due(now, 9), [(id(2), 2), (id(4), 1)]);
    for number in [2, 4] {
        stream.again.remove(&id(number));
        stream.take(entry(number, true), 2, &reading, &mut events);
    }
    assert_eq!(stream.due(now, 9), [], "not beside others");
    for number in [2, 4] {
        stream.let_go(id(number));
    }
    assert_eq!(stream.due(now, 9), [(id(1), SUSPECT)]);
    stream.again.remove(&id(1));
    stream.take(entry(1, true), SUSPECT, &reading, &mut events);
    assert!(stream.has_suspect() && stream.room(9) == 0, "nor others beside it");
    assert_eq!(stream.due(now, 9), []);
    stream.let_go(id(1));
    assert_eq!((stream.due(now, 9), stream.room(9)), (vec![(id(3), SUSPECT + 1)], 9));
}
