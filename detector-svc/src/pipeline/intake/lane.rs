//! One queue of images whose order is kept.

use std::{collections::VecDeque, sync::Arc};

use super::backpressure::least_admitted;
use crate::{
    frame::{FrameId, StreamId},
    ledger::DropReason,
    pipeline::job::Job,
};

/// Whose images a lane has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum LaneKey {
    /// Frames of a camera stream.
    Stream(StreamId),
    /// Images of callers who track objects from one to the next.
    Session(Arc<str>),
}

/// Images in their order: of those taken, one is being decoded, and few are not in a batch yet.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// `None` while nobody uses the lane.
    pub(super) key: Option<LaneKey>,
    waiting: VecDeque<Job>,
    /// The newest frame that was offered.
    pub(super) last: Option<FrameId>,
    decoding: bool,
    /// Images taken and not in a batch yet.
    taken: usize,
}

/// An image that has to give way, and why.
pub(super) type GivesWay = Option<(Job, DropReason)>;

impl Lane {
    pub(super) fn new(key: LaneKey) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.decoding && self.taken == 0
    }

    /// Queues an image, whatever waits.
    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// Queues an image in place of the oldest when all `capacity` places are taken.
    pub(super) fn push_over_oldest(&mut self, job: Job, capacity: usize) -> GivesWay {
        let oldest = if self.waiting.len() >= capacity { self.waiting.pop_front() } else { None };
        self.waiting.push_back(job);
        oldest.map(|job| (job, DropReason::Superseded))
    }

    /// Queues an image if its priority is high enough for what waits already.
    pub(super) fn push_by_priority(&mut self, job: Job, capacity: usize) -> GivesWay {
        if job.priority < least_admitted(self.waiting.len(), capacity) {
            return Some((job, DropReason::Backpressure));
        }
        let mut least = None;
        if self.waiting.len() >= capacity {
            let lowest = (0..self.waiting.len()).min_by_key(|place| self.waiting[*place].priority);
            match lowest {
                Some(place) if self.waiting[place].priority < job.priority => {
                    least = self.waiting.remove(place);
                }
                _ => return Some((job, DropReason::Backpressure)),
            }
        }
        self.waiting.push_back(job);
        least.map(|job| (job, DropReason::Backpressure))
    }

    /// Whether the lane's turn can come while `most` of its images may be on their way.
    pub(super) fn may_be_taken(&self, most: usize) -> bool {
        !self.waiting.is_empty() && !self.decoding && self.taken < most
    }

    pub(super) fn take(&mut self, most: usize) -> Option<Job> {
        if !self.may_be_taken(most) {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.decoding = true;
        self.taken += 1;
        Some(job)
    }

    pub(super) fn end_decoding(&mut self) {
        self.decoding = false;
    }

    pub(super) fn give_back(&mut self) {
        self.taken -= 1;
    }

    /// Everything that waits.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Job> {
        self.waiting.drain(..)
    }
}
