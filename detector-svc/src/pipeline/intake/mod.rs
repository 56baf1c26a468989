//! Where images wait to be decoded: a queue for each camera stream, one for callers.

mod backpressure;
mod lane;
mod state;

use std::{sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

pub use self::backpressure::Backpressure;
use self::{
    lane::{Lane, LaneKey},
    state::State,
};
use super::{DetectError, job::Job};
use crate::{
    frame::{FrameId, StreamId},
    ledger::DropReason,
};

/// Hands images out in turn: a stream that delivers fast gets no more turns than one that delivers slowly.
///
/// A stream has a few waiting frames, one frame in decoding, so that its order is kept, and at most a set number
/// between here and a batch.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    work: Condvar,
    vacancy: Notify,
    limits: IntakeLimits,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntakeLimits {
    /// Images of callers that wait at once.
    pub(crate) requests: usize,
    /// Frames of one stream between the intake and a batch.
    pub(crate) taken_per_stream: usize,
    /// Frames of one stream that wait.
    pub(crate) frames_per_stream: usize,
    /// Frames that wait of a stream whose every frame is looked at.
    pub(crate) frames_ahead: usize,
    /// What gives way past that.
    pub(crate) backpressure: Backpressure,
}

/// A place of its lane between the intake and a batch; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// None for a caller's image, whose number the queue bounds.
    of: Option<(Arc<Intake>, usize)>,
}

/// The lane's turn at decoding; ended when dropped, once its image is queued in order.
#[derive(Debug)]
pub(crate) struct Decoding(Option<(Arc<Intake>, usize)>);

impl Intake {
    pub(crate) fn new(limits: IntakeLimits) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), vacancy: Notify::new(), limits }
    }

    /// Queues a frame of its stream, as the policy of backpressure has it. One that its source waits for has had its
    /// place kept; of the others, an entry that is not newer than the stream's last is a duplicate.
    pub(crate) fn offer(&self, stream: &StreamId, id: FrameId, job: Job) {
        let mut state = self.state.lock();
        let closed = state.closed;
        let lane = state.lane(LaneKey::Stream(stream.clone()));
        let awaited = job.ticket.is_awaited();
        if !awaited && lane.last.is_some_and(|last| id <= last) {
            drop(state);
            return job.ticket.dropped(DropReason::Duplicate);
        }
        lane.last = Some(id);
        if closed {
            drop(state);
            return job.ticket.dropped(DropReason::Shutdown);
        }
        let gives_way = match self.limits.backpressure {
            Backpressure::Priority => lane.push_by_priority(job, self.limits.frames_per_stream),
            Backpressure::DropOldest if awaited => {
                lane.push(job);
                None
            }
            Backpressure::DropOldest => lane.push_over_oldest(job, self.limits.frames_per_stream),
        };
        drop(state);
        self.work.notify_one();
        if let Some((job, reason)) = gives_way {
            job.ticket.dropped(reason);
        }
    }

    /// Frames of a stream whose every frame is looked at that would find a place.
    pub(crate) fn room(&self, stream: &StreamId) -> usize {
        match self.limits.backpressure {
            Backpressure::Priority => self.limits.frames_ahead,
            Backpressure::DropOldest => {
                let mut state = self.state.lock();
                let waiting = state.stream(stream).map_or(0, |(_, lane)| lane.waiting());
                self.limits.frames_ahead.saturating_sub(waiting)
            }
        }
    }

    /// Lets a stream start over with lower entry identifiers, after it was deleted.
    pub(crate) fn forget_last(&self, stream: &StreamId) {
        if let Some((_, lane)) = self.state.lock().stream(stream) {
            lane.last = None;
        }
    }

    /// Lets go of a stream that has ended, once nothing of it waits or is on its way.
    pub(crate) fn end_stream(&self, stream: &StreamId) {
        let mut state = self.state.lock();
        if let Some((index, lane)) = state.stream(stream) {
            lane.last = None;
            if lane.is_idle() {
                state.free(index);
            }
        }
    }

    /// Queues a caller's image, unless too many wait. Those of one tracking session keep their order.
    pub(crate) fn submit(&self, job: Job) {
        let mut state = self.state.lock();
        let waiting = state.callers;
        if state.closed {
            drop(state);
            job.give_up(DropReason::Shutdown, DetectError::ShuttingDown);
        } else if waiting >= self.limits.requests {
            drop(state);
            job.give_up(DropReason::Backpressure, DetectError::Overloaded { waiting });
        } else {
            state.callers += 1;
            match job.session() {
                Some(session) => state.lane(LaneKey::Session(session)).push(job),
                None => state.requests.push_back(job),
            }
            drop(state);
            self.work.notify_one();
        }
    }

    /// The next image in turn; waits for one. `None` once the intake is closed and empty.
    pub(crate) fn take(self: &Arc<Self>) -> Option<(Job, Place, Decoding)> {
        let mut state = self.state.lock();
        loop {
            if let Some((job, lane)) = state.next(self.limits.taken_per_stream) {
                drop(state);
                self.vacancy.notify_waiters();
                let of = lane.map(|lane| (Arc::clone(self), lane));
                return Some((job, Place { of: of.clone() }, Decoding(of)));
            }
            if state.closed && state.is_empty() {
                return None;
            }
            self.work.wait(&mut state);
        }
    }

    /// Waits until some stream has room for a frame, at most for `patience`.
    pub(crate) async fn vacancy(&self, patience: Duration) {
        let vacancy = self.vacancy.notified();
        tokio::pin!(vacancy);
        vacancy.as_mut().enable();
        if self.is_crowded() {
            // Elapsed patience is as good a reason to go on.
            let _ = tokio::time::timeout(patience, vacancy).await;
        }
    }

    /// Takes no more; what waits is given up.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let mut waiting: Vec<Job> = state.lanes.iter_mut().flat_map(Lane::drain).collect();
        waiting.extend(std::mem::take(&mut state.requests));
        state.callers = 0;
        drop(state);
        self.work.notify_all();
        for job in waiting {
            job.give_up(DropReason::Shutdown, DetectError::ShuttingDown);
        }
    }

    /// Frames and callers' images that wait.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.streams().map(Lane::waiting).sum(), state.callers)
    }

    fn is_crowded(&self) -> bool {
        let state = self.state.lock();
        let mut streams = state.streams().peekable();
        let full = self.limits.frames_per_stream;
        streams.peek().is_some() && streams.all(|lane| lane.waiting() >= full)
    }

    fn end_decoding(&self, lane: usize) {
        let mut state = self.state.lock();
        state.lanes[lane].end_decoding();
        Self::tidy(&mut state, lane);
        drop(state);
        self.work.notify_one();
    }

    fn give_back(&self, lane: usize) {
        let mut state = self.state.lock();
        state.lanes[lane].give_back();
        Self::tidy(&mut state, lane);
        drop(state);
        self.work.notify_one();
    }

    /// A session keeps nothing here from one image to the next, nor does a stream that has no last frame.
    fn tidy(state: &mut State, index: usize) {
        let lane = &state.lanes[index];
        if lane.is_idle() && lane.last.is_none() {
            state.free(index);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((intake, lane)) = self.of.take() {
            intake.give_back(lane);
        }
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        if let Some((intake, lane)) = self.0.take() {
            intake.end_decoding(lane);
        }
    }
}

#[cfg(test)]
mod tests;
