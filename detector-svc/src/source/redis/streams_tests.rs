//! Streams are found, and end when they are gone for a while.

use super::*;
use crate::redis_client::Policy;

fn set(streams: &[&str]) -> StreamSet {
    let settings = RedisSettings {
        streams: streams.iter().map(|name| (*name).to_owned()).collect(),
        policies: [("cam:*".to_owned(), Policy::Every), ("cam:1".to_owned(), Policy::Latest)].into(),
        ..RedisSettings::default()
    };
    StreamSet::new(&settings, ["cam:out".to_owned()])
}

fn look(set: &mut StreamSet, found: &[&str]) -> Vec<String> {
    set.look(found.iter().map(|name| (*name).to_owned()));
    set.known().into_iter().map(|stream| stream.id.to_string()).collect()
}

#[test]
fn what_is_named_is_read_whether_it_is_there_or_not() {
    let mut set = set(&["door", "cam:*", "cam:2"]);
    assert_eq!(set.patterns().collect::<Vec<_>>(), ["cam:*"]);
    assert_eq!(look(&mut set, &[]), ["cam:2", "door"]);
    assert_eq!(look(&mut set, &["cam:1", "cam:2", "cam:1", "cam:out"]), ["cam:1", "cam:2", "door"]);
    let policies: Vec<_> = set.known().into_iter().map(|stream| (stream.policy, stream.named)).collect();
    assert_eq!(policies, [(Policy::Latest, false), (Policy::Every, true), (Policy::Latest, true)]);
}

#[test]
fn a_stream_ends_when_several_looks_have_missed_it() {
    let mut set = set(&["cam:*"]);
    assert_eq!(look(&mut set, &["cam:1"]), ["cam:1"]);
    assert_eq!(look(&mut set, &[]), ["cam:1"]);
    assert_eq!(look(&mut set, &["cam:1"]), ["cam:1"]);
    for _ in 1..MISSED_LOOKS {
        assert_eq!(look(&mut set, &[]), ["cam:1"]);
    }
    assert_eq!(look(&mut set, &[]), [""; 0]);
}

#[test]
fn streams_past_the_limit_are_skipped_and_counted() {
    let mut set = set(&["door", "*"]);
    set.look((0..MAX_STREAMS + 5).map(|n| format!("s{n:05}")));
    assert_eq!((set.known().len(), set.skipped), (MAX_STREAMS, 6));
    set.look(["s00001".to_owned()]);
    assert_eq!(set.skipped, 0);
}
