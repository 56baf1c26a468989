//! Who waits, and whose turn it is.

use std::collections::{HashMap, VecDeque};

use super::lane::{Lane, LaneKey};
use crate::{frame::StreamId, pipeline::job::Job};

/// All that waits: lanes, whose order is kept, and callers' images, in whose order nothing lies.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) lanes: Vec<Lane>,
    index: HashMap<LaneKey, usize>,
    /// Lanes that nobody uses.
    unused: Vec<usize>,
    pub(super) requests: VecDeque<Job>,
    /// Callers' images that wait, in their queue or in a lane.
    pub(super) callers: usize,
    /// Whose turn it is: a lane, or after the last one the callers.
    turn: usize,
    pub(super) closed: bool,
}

impl State {
    /// The lane of a stream that has one.
    pub(super) fn stream(&mut self, stream: &StreamId) -> Option<(usize, &mut Lane)> {
        let index = *self.index.get(&LaneKey::Stream(stream.clone()))?;
        Some((index, &mut self.lanes[index]))
    }

    /// The lane with this key, made when there is none.
    pub(super) fn lane(&mut self, key: LaneKey) -> &mut Lane {
        let index = match self.index.get(&key) {
            Some(index) => *index,
            None => self.make(key),
        };
        &mut self.lanes[index]
    }

    fn make(&mut self, key: LaneKey) -> usize {
        let index = self.unused.pop().unwrap_or_else(|| {
            self.lanes.push(Lane::default());
            self.lanes.len() - 1
        });
        self.index.insert(key.clone(), index);
        self.lanes[index] = Lane::new(key);
        index
    }

    /// Lets others use a lane in which nothing is.
    pub(super) fn free(&mut self, index: usize) {
        if let Some(key) = self.lanes[index].key.take() {
            self.index.remove(&key);
            self.unused.push(index);
        }
    }

    /// The next image in turn, and the lane it is from.
    pub(super) fn next(&mut self, most_taken: usize) -> Option<(Job, Option<usize>)> {
        let turns = self.lanes.len() + 1;
        for step in 0..turns {
            let turn = (self.turn + step) % turns;
            let job = match self.lanes.get_mut(turn) {
                Some(lane) => lane.take(most_taken).map(|job| (job, Some(turn))),
                None => self.requests.pop_front().map(|job| (job, None)),
            };
            if let Some((job, lane)) = job {
                self.turn = (turn + 1) % turns;
                self.callers -= usize::from(job.is_callers());
                return Some((job, lane));
            }
        }
        None
    }

    /// Whether somebody's turn has come.
    #[cfg(test)]
    pub(super) fn peek(&self, most_taken: usize) -> bool {
        !self.requests.is_empty() || self.lanes.iter().any(|lane| lane.may_be_taken(most_taken))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.lanes.iter().all(|lane| lane.waiting() == 0)
    }

    /// Lanes of camera streams.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(|lane| matches!(lane.key, Some(LaneKey::Stream(_))))
    }
}
