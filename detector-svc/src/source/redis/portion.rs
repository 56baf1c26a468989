//! The part of this process's streams that one source reads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    frame::StreamId,
    ownership::{Assignment, Owned},
    redis_client::Policy,
};

/// Follows the assignment, of which it sees the streams of one policy.
#[derive(Debug)]
pub(super) struct Portion {
    assignment: watch::Receiver<Assignment>,
    policy: Policy,
    known: bool,
}

impl Portion {
    pub(super) fn new(mut assignment: watch::Receiver<Assignment>, policy: Policy) -> Self {
        assignment.mark_changed();
        Self { assignment, policy, known: false }
    }

    /// The streams, if they are others than at the last call.
    pub(super) fn news(&mut self) -> Option<Vec<Owned>> {
        // A sender that is gone sends no news.
        if !self.assignment.has_changed().unwrap_or(false) {
            return None;
        }
        let assignment: Arc<[Owned]> = self.assignment.borrow_and_update().clone()?;
        self.known = true;
        Some(assignment.iter().filter(|owned| owned.stream.policy == self.policy).cloned().collect())
    }

    /// Whether it is known what there is to read, be it nothing.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// Waits for news, at most for `patience`.
    pub(super) async fn wait(&mut self, patience: Duration) {
        let changed = async {
            match self.assignment.changed().await {
                Ok(()) => self.assignment.mark_changed(),
                Err(_) => std::future::pending().await,
            }
        };
        // Elapsed patience is as good a reason to go on.
        let _ = tokio::time::timeout(patience, changed).await;
    }
}

/// What a source keeps of one stream.
pub(super) trait Assigned {
    /// Its name.
    fn id(&self) -> &StreamId;

    /// Goes on under another lease, or with it until what is in flight has its verdict.
    fn go_on(&mut self, owned: Owned, now: Instant);
}

/// Has `streams` go on as they are `assigned`, with new ones made; gives back those that are not assigned any more.
pub(super) fn assign<S: Assigned>(
    streams: &mut Vec<S>,
    assigned: Vec<Owned>,
    now: Instant,
    mut new: impl FnMut(Owned) -> S,
) -> Vec<S> {
    let is_gone = |stream: &mut S| !assigned.iter().any(|owned| owned.stream.id == *stream.id());
    let gone = streams.extract_if(.., is_gone).collect();
    for owned in assigned {
        match streams.iter_mut().find(|stream| *stream.id() == owned.stream.id) {
            Some(stream) => stream.go_on(owned, now),
            None => streams.push(new(owned)),
        }
    }
    gone
}
