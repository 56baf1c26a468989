//! Where images wait to be decoded: one place for each camera stream, a bounded queue for callers.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::{
    DetectError,
    job::{Job, Origin},
};
use crate::{
    frame::{FrameId, StreamId},
    ledger::DropReason,
};

/// Hands images out in turn: a stream that delivers fast gets no more turns than one that delivers slowly.
///
/// A stream has one waiting frame, which a newer one replaces, one frame in decoding, so that its order is
/// kept, and at most a set number between here and a batch.
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
    pub(crate) frames_per_stream: usize,
}

#[derive(Debug, Default)]
struct State {
    streams: Vec<Stream>,
    index: HashMap<StreamId, usize>,
    requests: VecDeque<Job>,
    /// Whose turn it is: a stream, or after the last one the callers.
    turn: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Stream {
    waiting: Option<Job>,
    last: Option<FrameId>,
    decoding: bool,
    /// Frames taken and not in a batch yet.
    taken: usize,
}

/// A place of its stream between the intake and a batch; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// None for a caller's image, whose number the queue bounds.
    of: Option<(Arc<Intake>, usize)>,
}

/// The stream's turn at decoding; ended when dropped, once its frame is queued in order.
#[derive(Debug)]
pub(crate) struct Decoding(Option<(Arc<Intake>, usize)>);

impl Intake {
    pub(crate) fn new(limits: IntakeLimits) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), vacancy: Notify::new(), limits }
    }

    /// Puts a frame in its stream's place. One that waits there is superseded; an entry that is not newer than
    /// the stream's last is a duplicate.
    pub(crate) fn offer(&self, stream: &StreamId, id: FrameId, job: Job) {
        let mut state = self.state.lock();
        let index = state.stream(stream);
        let slot = &mut state.streams[index];
        if slot.last.is_some_and(|last| id <= last) {
            drop(state);
            return job.ticket.dropped(DropReason::Duplicate);
        }
        slot.last = Some(id);
        if state.closed {
            drop(state);
            return job.ticket.dropped(DropReason::Shutdown);
        }
        let replaced = state.streams[index].waiting.replace(job);
        drop(state);
        self.work.notify_one();
        if let Some(older) = replaced {
            older.ticket.dropped(DropReason::Superseded);
        }
    }

    /// Lets a stream start over with lower entry identifiers, after it was deleted.
    pub(crate) fn forget_last(&self, stream: &StreamId) {
        let mut state = self.state.lock();
        let index = state.stream(stream);
        state.streams[index].last = None;
    }

    /// Frames of a stream that would find a place without another giving way.
    pub(crate) fn room(&self, stream: &StreamId) -> usize {
        let state = self.state.lock();
        let waiting = state.index.get(stream).is_some_and(|index| state.streams[*index].waiting.is_some());
        usize::from(!waiting)
    }

    /// Queues a caller's image, unless the queue is full.
    pub(crate) fn submit(&self, job: Job) {
        let mut state = self.state.lock();
        let waiting = state.requests.len();
        if state.closed {
            drop(state);
            job.give_up(DropReason::Shutdown, DetectError::ShuttingDown);
        } else if waiting >= self.limits.requests {
            drop(state);
            job.give_up(DropReason::Backpressure, DetectError::Overloaded { waiting });
        } else {
            state.requests.push_back(job);
            drop(state);
            self.work.notify_one();
        }
    }

    /// The next image in turn; waits for one. `None` once the intake is closed and empty.
    pub(crate) fn take(self: &Arc<Self>) -> Option<(Job, Place, Decoding)> {
        let mut state = self.state.lock();
        loop {
            if let Some((job, stream)) = state.next(self.limits.frames_per_stream) {
                drop(state);
                self.vacancy.notify_waiters();
                let of = stream.map(|stream| (Arc::clone(self), stream));
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
        let frames: Vec<Job> = state.streams.iter_mut().filter_map(|stream| stream.waiting.take()).collect();
        let requests = std::mem::take(&mut state.requests);
        drop(state);
        self.work.notify_all();
        for job in frames.into_iter().chain(requests) {
            job.give_up(DropReason::Shutdown, DetectError::ShuttingDown);
        }
    }

    /// Frames and callers' images that wait.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        let frames = state.streams.iter().filter(|stream| stream.waiting.is_some()).count();
        (frames, state.requests.len())
    }

    fn is_crowded(&self) -> bool {
        let state = self.state.lock();
        !state.streams.is_empty() && state.streams.iter().all(|stream| stream.waiting.is_some())
    }

    fn end_decoding(&self, stream: usize) {
        self.state.lock().streams[stream].decoding = false;
        self.work.notify_one();
    }

    fn give_back(&self, stream: usize) {
        self.state.lock().streams[stream].taken -= 1;
        self.work.notify_one();
    }
}

impl State {
    fn stream(&mut self, id: &StreamId) -> usize {
        if let Some(index) = self.index.get(id) {
            return *index;
        }
        let index = self.streams.len();
        self.index.insert(id.clone(), index);
        self.streams.push(Stream::default());
        index
    }

    fn next(&mut self, frames_per_stream: usize) -> Option<(Job, Option<usize>)> {
        let turns = self.streams.len() + 1;
        for step in 0..turns {
            let turn = (self.turn + step) % turns;
            let job = match self.streams.get_mut(turn) {
                Some(stream) => stream.take(frames_per_stream).map(|job| (job, Some(turn))),
                None => self.requests.pop_front().map(|job| (job, None)),
            };
            if job.is_some() {
                self.turn = (turn + 1) % turns;
                return job;
            }
        }
        None
    }

    /// Whether somebody's turn has come.
    #[cfg(test)]
    fn peek(&self, frames_per_stream: usize) -> bool {
        let mut streams = self.streams.iter();
        !self.requests.is_empty() || streams.any(|stream| stream.may_be_taken(frames_per_stream))
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.streams.iter().all(|stream| stream.waiting.is_none())
    }
}

impl Stream {
    fn may_be_taken(&self, most: usize) -> bool {
        self.waiting.is_some() && !self.decoding && self.taken < most
    }

    fn take(&mut self, most: usize) -> Option<Job> {
        if !self.may_be_taken(most) {
            return None;
        }
        let job = self.waiting.take()?;
        debug_assert!(matches!(job.origin, Origin::Stream(_)));
        self.decoding = true;
        self.taken += 1;
        Some(job)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((intake, stream)) = self.of.take() {
            intake.give_back(stream);
        }
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        if let Some((intake, stream)) = self.0.take() {
            intake.end_decoding(stream);
        }
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
