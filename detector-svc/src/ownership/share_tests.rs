//! Replicas come and go in any order, and the streams are spread evenly in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Redis and what the replicas wrote there.
#[derive(Debug, Default)]
struct Model {
    replicas: BTreeSet<u8>,
    owners: BTreeMap<StreamId, Option<u8>>,
}

impl Model {
    fn with(streams: usize) -> Self {
        let owners = (0..streams).map(|n| (StreamId::new(&format!("cam{n:03}")), None)).collect();
        Self { owners, ..Self::default() }
    }

    /// One round of a replica; how many streams it moved.
    fn round(&mut self, replica: u8) -> usize {
        let Some(place) = self.replicas.iter().position(|other| *other == replica) else {
            return 0;
        };
        let seen: Vec<_> =
            self.owners.iter().map(|(stream, owner)| (stream.clone(), holder(*owner, replica))).collect();
        let plan = plan(&seen, self.replicas.len(), place);
        for (streams, owner) in [(&plan.give_up, None), (&plan.take, Some(replica))] {
            for stream in streams {
                self.owners.insert(stream.clone(), owner);
            }
        }
        plan.give_up.len() + plan.take.len()
    }

    fn leave(&mut self, replica: u8) {
        self.replicas.remove(&replica);
        for owner in self.owners.values_mut().filter(|owner| **owner == Some(replica)) {
            *owner = None;
        }
    }

    fn counts(&self) -> Vec<usize> {
        let count = |replica| self.owners.values().filter(|owner| **owner == Some(replica)).count();
        self.replicas.iter().map(|replica| count(*replica)).collect()
    }
}

fn holder(owner: Option<u8>, replica: u8) -> Holder {
    match owner {
        Some(owner) if owner == replica => Holder::Us,
        Some(_) => Holder::Other,
        None => Holder::Nobody,
    }
}

proptest! {
    #[test]
    fn streams_are_spread_evenly_after_any_coming_and_going(
        streams in 0..40_usize,
        steps in prop::collection::vec((0..3_u8, 0..5_u8), 0..60),
    ) {
        let mut model = Model::with(streams);
        for (step, replica) in steps {
            match step {
                0 => {
                    model.replicas.insert(replica);
                }
                1 => model.leave(replica),
                _ => {
                    model.round(replica);
                }
            }
        }
        model.replicas.insert(9);
        let replicas = model.replicas.clone();
        for _ in 0..2 {
            for replica in &replicas {
                model.round(*replica);
            }
        }
        let counts = model.counts();
        prop_assert_eq!(counts.iter().sum::<usize>(), streams);
        prop_assert!(counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1, "{:?}", counts);
        let moved: usize = replicas.iter().map(|replica| model.round(*replica)).sum();
        prop_assert_eq!(moved, 0, "nothing moves without a reason");
    }

    #[test]
    fn quotas_add_up(streams in 0..2000_usize, replicas in 1..50_usize) {
        let sum: usize = (0..replicas).map(|place| quota(streams, replicas, place)).sum();
        prop_assert_eq!(sum, streams);
    }
}

#[test]
fn what_is_on_the_way_to_another_is_neither_taken_nor_given_up_twice() {
    let streams = ["a", "b", "c"].map(StreamId::new);
    let seen: Vec<_> = streams.into_iter().zip([Holder::Us, Holder::Other, Holder::Nobody]).collect();
    assert_eq!(plan(&seen, 2, 0), Plan { give_up: vec![], take: vec![StreamId::new("c")] });
    assert_eq!(plan(&seen, 3, 2), Plan::default());
}
