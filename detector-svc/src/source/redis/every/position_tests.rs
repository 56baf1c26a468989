//! Every entry is delivered or counted as trimmed, once.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A stream as Redis keeps it, and how far a group has read it.
#[derive(Debug, Default)]
struct Model {
    entries: VecDeque<FrameId>,
    added: u64,
    delivered: FrameId,
}

impl Model {
    fn add(&mut self, keep: usize) {
        self.added += 1;
        self.entries.push_back(id(self.added));
        while self.entries.len() > keep {
            self.entries.pop_front();
        }
    }

    /// What the group reads next.
    fn read(&mut self, most: usize) -> Vec<FrameId> {
        let read: Vec<_> =
            self.entries.iter().filter(|id| **id > self.delivered).take(most).copied().collect();
        self.delivered = read.last().copied().unwrap_or(self.delivered);
        read
    }

    fn extent(&self) -> Extent {
        Extent {
            added: Some(self.added),
            length: self.entries.len() as u64,
            first: self.entries.front().copied(),
        }
    }
}

fn id(milliseconds: u64) -> FrameId {
    FrameId { milliseconds, sequence: 0 }
}

proptest! {
    #[test]
    fn every_entry_is_delivered_or_trimmed(
        steps in prop::collection::vec((0..8_usize, 0..8_usize, 0..4_usize), 0..60),
        keep in 0..6_usize,
    ) {
        let mut stream = Model::default();
        let mut position = GroupPosition { last: FrameId::default(), ordinal: Some(0) };
        let mut accounted = 0;
        for (added, meanwhile, room) in steps.into_iter().chain([(0, 0, 9), (0, 0, 9)]) {
            (0..added).for_each(|_| stream.add(keep));
            // The read that waits for news delivers one entry; more may come, and go, until the look at the stream.
            let mut delivered = stream.read(1);
            if delivered.is_empty() {
                continue;
            }
            (0..meanwhile).for_each(|_| stream.add(keep));
            delivered.extend(stream.read(room));
            accounted += delivered.len() as u64 + position.advance(&delivered, stream.extent());
            prop_assert!(accounted <= stream.added);
            prop_assert_eq!(position.last, stream.delivered);
        }
        accounted += position.advance(&[], stream.extent());
        prop_assert_eq!(accounted, stream.added);
        prop_assert_eq!(position.ordinal, Some(stream.added));
    }
}

#[test]
fn an_unknown_number_is_found_where_the_stream_tells_it() {
    let extent = |first, length| Extent { added: Some(10), length, first: Some(id(first)) };
    let mut position = GroupPosition { last: id(3), ordinal: None };
    assert_eq!(position.advance(&[id(8)], extent(6, 5)), 0);
    assert_eq!(position.ordinal, None, "the 8th entry is somewhere among five");
    assert_eq!(position.advance(&[id(9)], extent(9, 2)), 0);
    assert_eq!(position.ordinal, Some(9));
    let uncounted = Extent { added: None, length: 5, first: Some(id(6)) };
    assert_eq!(position.advance(&[id(10)], uncounted), 0);
    assert_eq!(position, GroupPosition { last: id(10), ordinal: None });
}

#[test]
fn a_server_that_took_a_gap_for_one_step_is_put_right() {
    // It counted three entries, and the last of them, the oldest there is, is number 8.
    let mut position = GroupPosition { last: id(8), ordinal: Some(3) };
    let extent = Extent { added: Some(10), length: 3, first: Some(id(8)) };
    assert_eq!(position.advance(&[], extent), 5);
    assert_eq!(position.ordinal, Some(8));
}
