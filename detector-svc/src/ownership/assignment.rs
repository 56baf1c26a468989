//! The streams that are this process's to read.

use std::{sync::Arc, time::Instant};

use tokio::sync::{mpsc, watch};

use super::Tenure;
use crate::{
    frame::{Lease, StreamId},
    redis_client::Policy,
};

/// A stream that the settings ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownStream {
    /// Its name.
    pub id: StreamId,
    /// Which of its frames are looked at.
    pub policy: Policy,
    /// Whether the settings name it; otherwise it was found by a pattern.
    pub named: bool,
}

/// Every stream that the settings ask for, by name; `None` until Redis was asked.
pub type Known = Option<Arc<[KnownStream]>>;

/// A stream that is this process's to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    /// Which.
    pub stream: KnownStream,
    /// Since when and how long; `None` when streams are not owned, and all are read.
    pub tenure: Option<Tenure>,
    /// Whether it is to be given up: nothing more is read, and frames in flight get their verdict.
    pub draining: bool,
}

/// What this process reads; `None` until it is known.
pub type Assignment = Option<Arc<[Owned]>>;

/// Told when a stream that is to be given up has no frame in flight any more.
pub type DrainedSender = mpsc::UnboundedSender<StreamId>;

impl Owned {
    /// The lease to read under.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.tenure.as_ref().map(Tenure::lease)
    }

    /// Whether the stream cannot have become another replica's at `now`.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.tenure.as_ref().is_none_or(|tenure| tenure.holds(now))
    }

    /// Whether its lease is known to Redis as it is since `connected`: one that was lost with its data is not.
    #[must_use]
    pub fn confirmed_since(&self, connected: Instant) -> bool {
        self.tenure.as_ref().is_none_or(|tenure| tenure.confirmed_since(connected))
    }
}

/// Has every known stream read by this process, as long as somebody is there to read.
pub async fn assign_all(mut known: watch::Receiver<Known>, assignment: watch::Sender<Assignment>) {
    loop {
        if let Some(known) = known.borrow_and_update().as_ref() {
            let all =
                known.iter().map(|stream| Owned { stream: stream.clone(), tenure: None, draining: false });
            assignment.send_replace(Some(all.collect()));
        }
        tokio::select! {
            changed = known.changed() => if changed.is_err() { return },
            () = assignment.closed() => return,
        }
    }
}
