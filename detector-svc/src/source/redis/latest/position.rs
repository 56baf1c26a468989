//! How far a stream has been read, and what was in it that is not delivered.

use crate::frame::FrameId;

/// How far one stream has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The oldest entry that was the newest at a time, since the stream began.
    first: Option<FrameId>,
    /// The newest entry delivered or passed over.
    last: Option<FrameId>,
    /// How many entries had been added to the stream with that one; `None` before the first look, and on servers
    /// that do not count.
    ordinal: Option<u64>,
}

/// A stream's counters at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    /// Entries ever added; `None` on servers that do not count.
    pub(super) added: Option<u64>,
    /// Entries there now.
    pub(super) length: u64,
}

/// What lies between two positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// Entries passed over for a newer one.
    pub(super) superseded: u64,
    /// Entries that the publisher trimmed before they were seen.
    pub(super) trimmed: u64,
    /// Whether the stream was deleted and has begun again.
    pub(super) restarted: bool,
}

/// How a stream stands to what was read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Where it was, or further.
    Ahead,
    /// At an entry that was read before.
    RolledBack,
    /// Before everything that was read: another stream under the same name.
    Restarted,
}

impl Position {
    /// Where a stream stands whose newest entry is `last`, nothing of which is news.
    pub(super) fn at(last: Option<FrameId>, counters: Counters) -> Self {
        Self { first: last, last, ordinal: counters.added }
    }

    /// The newest entry delivered or passed over.
    pub(super) fn last(&self) -> Option<FrameId> {
        self.last
    }

    /// Moves on to `id`, the newest entry of a stream with these counters; `passed` entries in between were seen.
    pub(super) fn advance(&mut self, id: FrameId, counters: Counters, passed: u64) -> Gap {
        let gap = self.gap(id, counters, passed);
        let first = self.first.filter(|_| !gap.restarted).or(Some(id));
        *self = Self { first, last: Some(id), ordinal: counters.added };
        gap
    }

    /// Moves on to `id` without knowing the stream's counters: they are compared with the next entry.
    pub(super) fn pass(&mut self, id: FrameId) -> Gap {
        // Delivered and so not part of the gap before the next one.
        let ordinal = self.ordinal.map(|ordinal| ordinal + 1);
        *self = Self { first: self.first.or(Some(id)), last: Some(id), ordinal };
        Gap::default()
    }

    /// How a stream whose newest entry is `newest` stands to what was read of it: behind means that reading on from
    /// here would wait for ever.
    pub(super) fn standing(&self, newest: FrameId) -> Standing {
        match (self.first, self.last) {
            (Some(first), Some(last)) if (first..last).contains(&newest) => Standing::RolledBack,
            (_, Some(last)) if newest < last => Standing::Restarted,
            _ => Standing::Ahead,
        }
    }

    /// Follows a stream back to `newest`, an entry that was read before: Redis has come back from an older copy.
    pub(super) fn roll_back(&mut self, newest: FrameId, counters: Counters) {
        *self = Self { first: self.first, last: Some(newest), ordinal: counters.added };
    }

    /// Follows a stream that has no news and fewer entries than were read of it: it was deleted, or Redis has come
    /// back from an older copy.
    pub(super) fn follow_back(&mut self, counters: Counters) {
        self.ordinal = self.ordinal.zip(counters.added).map(|(ordinal, added)| ordinal.min(added));
    }

    fn gap(&self, id: FrameId, counters: Counters, passed: u64) -> Gap {
        let seen_only = Gap { superseded: passed, ..Gap::default() };
        // No entry was ever added: the stream was deleted between reading the entry and its counters.
        let Some(added) = counters.added.filter(|added| *added > 0) else {
            return seen_only;
        };
        let Some(ordinal) = self.ordinal else {
            return seen_only;
        };
        let restarted = added <= ordinal || self.standing(id) == Standing::Restarted;
        let previous = if restarted { 0 } else { ordinal };
        let between = added - previous - 1;
        let gone = added.saturating_sub(counters.length);
        let trimmed = gone.saturating_sub(previous).min(between - passed.min(between));
        Gap { superseded: between - trimmed, trimmed, restarted }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// A stream as Redis keeps it: identifiers only.
    #[derive(Debug, Default)]
    struct Model {
        entries: VecDeque<u64>,
        added: u64,
        next_id: u64,
    }

    impl Model {
        fn add(&mut self, keep: usize) {
            self.next_id += 1;
            self.added += 1;
            self.entries.push_back(self.next_id);
            while self.entries.len() > keep {
                self.entries.pop_front();
            }
        }

        fn counters(&self) -> Counters {
            Counters { added: Some(self.added), length: self.entries.len() as u64 }
        }

        fn newest(&self) -> Option<FrameId> {
            self.entries.back().map(|id| FrameId { milliseconds: *id, sequence: 0 })
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Add,
        Read,
        Delete,
    }

    proptest! {
        #[test]
        fn every_entry_is_delivered_superseded_or_trimmed(
            steps in prop::collection::vec(prop::sample::select(vec![Step::Add, Step::Add, Step::Read, Step::Delete]), 0..120),
            keep in 1..6_usize,
        ) {
            let mut stream = Model::default();
            let mut position = Position::at(None, stream.counters());
            // What deletion takes unread is out of anybody's sight.
            let (mut accounted, mut added, mut unread) = (0, 0, 0);
            for step in steps.into_iter().chain([Step::Read]) {
                match step {
                    Step::Add => {
                        stream.add(keep);
                        unread += 1;
                    }
                    Step::Delete => {
                        // A stream that grows past where it was read before it is looked at again cannot be told
                        // from one that was not deleted, so reading comes first here.
                        if unread == 0 {
                            stream = Model { next_id: stream.next_id, ..Model::default() };
                            position = Position::at(position.last(), stream.counters());
                        }
                    }
                    Step::Read => {
                        let newest = stream.newest().filter(|newest| Some(*newest) > position.last());
                        if let Some(newest) = newest {
                            let gap = position.advance(newest, stream.counters(), 0);
                            accounted += 1 + gap.superseded + gap.trimmed;
                            prop_assert!(gap.superseded < stream.entries.len() as u64);
                            added += unread;
                            unread = 0;
                        }
                    }
                }
            }
            prop_assert_eq!(accounted, added);
        }
    }

    fn id(milliseconds: u64) -> FrameId {
        FrameId { milliseconds, sequence: 0 }
    }

    #[test]
    fn a_stream_that_begins_again_is_counted_from_its_start() {
        let mut position = Position::at(Some(id(9)), Counters { added: Some(50), length: 5 });
        let gap = position.advance(id(12), Counters { added: Some(7), length: 5 }, 0);
        assert_eq!(gap, Gap { superseded: 4, trimmed: 2, restarted: true });
        let lower = Position::at(Some(id(9)), Counters { added: Some(1), length: 1 });
        assert_eq!(
            [3, 9, 10].map(|n| lower.standing(id(n))),
            [Standing::Restarted, Standing::Ahead, Standing::Ahead]
        );
    }

    #[test]
    fn an_older_copy_of_a_stream_is_followed_back_without_counting_again() {
        let counters = |added| Counters { added: Some(added), length: 5 };
        let mut position = Position::at(Some(id(1)), counters(1));
        position.advance(id(5), counters(5), 0);
        assert_eq!(position.standing(id(3)), Standing::RolledBack);
        position.roll_back(id(3), counters(3));
        let gap = position.advance(id(7), counters(4), 0);
        assert_eq!(gap, Gap::default());
    }

    #[test]
    fn a_stream_seen_empty_is_counted_from_its_start() {
        let mut position = Position::at(Some(id(9)), Counters { added: Some(10), length: 5 });
        position.follow_back(Counters { added: Some(0), length: 0 });
        let gap = position.advance(id(30), Counters { added: Some(12), length: 5 }, 0);
        assert_eq!(gap, Gap { superseded: 4, trimmed: 7, restarted: false });
    }

    #[test]
    fn servers_that_do_not_count_tell_only_what_is_seen() {
        let counters = Counters { added: None, length: 5 };
        let mut position = Position::at(Some(id(1)), counters);
        assert_eq!(position.advance(id(4), counters, 1), Gap { superseded: 1, ..Gap::default() });
    }

    #[test]
    fn an_entry_that_was_read_counts_as_superseded_even_if_it_is_trimmed_since() {
        let mut position = Position::at(Some(id(1)), Counters { added: Some(1), length: 1 });
        let gap = position.advance(id(3), Counters { added: Some(3), length: 1 }, 1);
        assert_eq!(gap, Gap { superseded: 1, trimmed: 0, restarted: false });
    }
}
