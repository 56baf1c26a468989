//! The cache against an ordinary map, and what it costs.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};

use super::{Event, IdentityCache, MAX_IDENTITY_BYTES};

proptest! {
    #[test]
    fn it_is_a_map(inserted in vec((vec(0_u8..3, 0..4), any::<u32>()), 0..200), other in vec(0_u8..3, 0..4)) {
        let (mut cache, mut map) = (IdentityCache::default(), HashMap::new());
        for (identity, slot) in &inserted {
            prop_assert!(cache.insert(identity, *slot));
            map.insert(identity, *slot);
        }
        prop_assert_eq!(cache.len(), map.len());
        for identity in inserted.iter().map(|(identity, _)| identity).chain([&other]) {
            prop_assert_eq!(cache.get(identity), map.get(identity).copied());
        }
    }
}

/// The bytes of an event's field.
fn bytes(key: u8, payload: &[u8]) -> Vec<u8> {
    [&[key, payload.len() as u8], payload].concat()
}

#[test]
fn an_event_is_recognised_whatever_it_ends_like() {
    let value = |value: f64| [&[0x19][..], &value.to_le_bytes()].concat();
    let (name, trace_id) = (bytes(0x0a, b"frames_total"), bytes(0x2a, &[0x20; 16]));
    // A label that ends like a value, and one that ends like an operation.
    let labels = [value(1.0), vec![0x20, 1]].map(|text| bytes(0x12, &bytes(0x12, &text)));
    let ends =
        [vec![], value(8.0), vec![0x20, 2], trace_id.clone(), [value(0.5), vec![0x20, 1], trace_id].concat()];
    for label in labels {
        let identity = [&*name, &label].concat();
        let mut cache = IdentityCache::default();
        cache.insert(&identity, 1);
        for end in &ends {
            let event = [&*identity, end].concat();
            let split = Event::split(&event).unwrap();
            assert_eq!((split.identity, cache.recognise(&event)), (&*identity, Some((1, split))));
        }
        assert_eq!(cache.recognise(&name), None);
        assert_eq!(cache.recognise(&[&*identity, &[0x30, 1]].concat()), None);
    }
}

#[test]
fn an_identity_beyond_the_limit_is_not_kept() {
    let mut cache = IdentityCache::default();
    let longest = vec![7; MAX_IDENTITY_BYTES];
    assert!(cache.insert(&longest, 1));
    assert!(!cache.insert(&[&*longest, &[7]].concat(), 2));
    assert_eq!((cache.len(), cache.get(&longest)), (1, Some(1)));
    assert_eq!(cache.get(&[&*longest, &[7]].concat()), None);
}

#[test]
fn its_memory_is_counted_and_given_back() {
    let mut cache = IdentityCache::default();
    assert_eq!(cache.bytes(), 0);
    for slot in 0..1000_u32 {
        cache.insert(&slot.to_le_bytes(), slot);
    }
    let again = cache.bytes();
    assert!((1000 * (16 + 4)..200_000).contains(&again), "{again}");
    cache.insert(&0_u32.to_le_bytes(), 5);
    assert_eq!((cache.bytes(), cache.get(&0_u32.to_le_bytes()).unwrap()), (again, 5));
    cache.clear();
    assert_eq!((cache.bytes(), cache.is_empty(), cache.get(&[0; 4])), (0, true, None));
}
