//! Who sends, and how far they got: the state behind exactly-once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use vision_metrics::{SeriesBudget, UnixTime};

use super::{
    Session,
    series_table::{Quota, SeriesTable},
};

/// Producers remembered at once.
const MAX_PRODUCERS: usize = 100_000;
const MAX_ID_BYTES: usize = 256;

/// Why a producer's stream is not opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The identifier is empty or too long.
    #[error("producer id has {0} bytes, 1 to 256 are allowed")]
    InvalidId(usize),
    /// A newer run of the producer has been seen.
    #[error("epoch {given} of producer {id:?} is stale: epoch {current} has been seen")]
    StaleEpoch {
        /// The producer.
        id: String,
        /// The epoch of the stream.
        given: u64,
        /// The newest epoch.
        current: u64,
    },
    /// As many producers as are remembered.
    #[error("more than {MAX_PRODUCERS} producers")]
    TooMany,
    /// The new epoch cannot be kept.
    #[error("{0}")]
    Unavailable(String),
}

/// Who sent something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Sender {
    /// A producer by its name.
    Named(String),
    /// A stream without a name, by the number that it was given here.
    Anonymous(u64),
}

/// Everybody who sends.
#[derive(Debug)]
pub(crate) struct ProducerTable {
    named: Mutex<HashMap<String, Arc<Producer>>>,
    anonymous: Mutex<HashMap<u64, Weak<Producer>>>,
    next_anonymous: AtomicU64,
    quota: Quota,
    /// Most series that one producer may make; 0: as many as there may be.
    max_series: usize,
}

/// One sender; its one lock covers both the number of the last batch and applying the next.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(super) sender: Sender,
    pub(super) budget: Option<Arc<SeriesBudget>>,
    pub(super) state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) epoch: u64,
    pub(super) last_applied: u64,
    /// When a stream was opened or a batch arrived.
    pub(super) last_seen: UnixTime,
    pub(super) series: SeriesTable,
    /// Ends the stream that is the producer's at present.
    current: CancellationToken,
}

/// How far a producer got, for keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) sender: Sender,
    pub(crate) epoch: u64,
    pub(crate) last_applied: u64,
    pub(crate) last_seen: UnixTime,
}

impl ProducerTable {
    /// Nobody; each producer may make `max_series` series, 0: without limit.
    pub(super) fn new(max_series: usize) -> Self {
        Self {
            named: Mutex::default(),
            anonymous: Mutex::default(),
            next_anonymous: AtomicU64::new(0),
            quota: Quota::default(),
            max_series,
        }
    }

    /// Makes a new stream the producer's only one; a new epoch starts from nothing.
    pub(super) fn open(&self, id: &str, epoch: u64, now: UnixTime) -> Result<Session, OpenError> {
        self.open_one_of(MAX_PRODUCERS, id, epoch, now)
    }

    fn open_one_of(&self, most: usize, id: &str, epoch: u64, now: UnixTime) -> Result<Session, OpenError> {
        let producer = self.producer(id, most)?;
        let mut state = producer.state.lock();
        if epoch < state.epoch {
            return Err(OpenError::StaleEpoch { id: id.to_owned(), given: epoch, current: state.epoch });
        }
        state.current.cancel();
        if epoch > state.epoch {
            *state = State::new(epoch, &self.quota);
        }
        state.last_seen = now;
        state.current = CancellationToken::new();
        let superseded = state.current.clone();
        drop(state);
        Ok(Session::new(producer, epoch, superseded))
    }

    /// A stream of somebody without a name.
    pub(super) fn open_anonymous(&self) -> Session {
        let sender = Sender::Anonymous(self.next_anonymous.fetch_add(1, Relaxed));
        self.anonymous_session(sender)
    }

    /// Whether opening would change what is kept.
    ///
    /// # Errors
    /// Nobody can have the name.
    pub(crate) fn is_new(&self, id: &str, epoch: u64) -> Result<bool, OpenError> {
        check_id(id)?;
        let known = self.named.lock().get(id).cloned();
        Ok(known.is_none_or(|producer| producer.state.lock().epoch < epoch))
    }

    /// A stream to which what was kept is applied again, however many producers there are: those who have been
    /// forgotten since are among them.
    pub(crate) fn reopen(&self, sender: &Sender, epoch: u64, now: UnixTime) -> Result<Session, OpenError> {
        match sender {
            Sender::Named(id) => self.open_one_of(usize::MAX, id, epoch, now),
            Sender::Anonymous(number) => {
                self.next_anonymous.fetch_max(number + 1, Relaxed);
                let known = self.anonymous.lock().get(number).and_then(Weak::upgrade);
                Ok(known.map_or_else(|| self.anonymous_session(sender.clone()), Session::of_anonymous))
            }
        }
    }

    /// Goes on from how far a producer got.
    pub(crate) fn restore(&self, progress: &Progress) -> Result<Session, OpenError> {
        let session = self.reopen(&progress.sender, progress.epoch, progress.last_seen)?;
        session.producer().state.lock().last_applied = progress.last_applied;
        Ok(session)
    }

    /// What a producer may make, if it is remembered.
    pub(crate) fn budget(&self, id: &str) -> Option<Arc<SeriesBudget>> {
        self.named.lock().get(id)?.budget.clone()
    }

    /// Counts everybody as seen at `now`: who was away because this service was has time to come back.
    pub(crate) fn see_all(&self, now: UnixTime) {
        for producer in self.named.lock().values() {
            let mut state = producer.state.lock();
            state.last_seen = state.last_seen.max(now);
        }
    }

    /// Everybody, streams without a name included.
    pub(crate) fn everybody(&self) -> Vec<Arc<Producer>> {
        let mut anonymous = self.anonymous.lock();
        anonymous.retain(|_, producer| producer.strong_count() > 0);
        let named = self.named.lock();
        named.values().cloned().chain(anonymous.values().filter_map(Weak::upgrade)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.named.lock().len()
    }

    /// Producers that have made the most series, with how many.
    pub(super) fn largest(&self, count: usize) -> Vec<(String, usize)> {
        let named = self.named.lock();
        let sizes = named.iter().filter_map(|(id, producer)| Some((id, producer.budget.as_ref()?.used())));
        let mut sizes: Vec<_> = sizes.filter(|(_, used)| *used > 0).collect();
        sizes.sort_unstable_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        sizes.into_iter().take(count).map(|(id, used)| (id.clone(), used)).collect()
    }

    /// Whether the producer has a stream, or had one after `deadline`.
    pub(super) fn is_about(&self, id: &str, deadline: UnixTime) -> bool {
        let producers = self.named.lock();
        producers.get(id).is_some_and(|producer| !producer.is_idle(deadline))
    }

    /// Producers without a stream that were last seen before `deadline`.
    pub(super) fn idle(&self, deadline: UnixTime) -> BTreeSet<String> {
        let producers = self.named.lock();
        let idle = producers.iter().filter(|(_, producer)| producer.is_idle(deadline));
        idle.map(|(id, _)| id.clone()).collect()
    }

    /// Forgets those of the producers that are idle still; returns how many.
    pub(super) fn forget(&self, idle: &BTreeSet<String>, deadline: UnixTime) -> usize {
        let mut producers = self.named.lock();
        let before = producers.len();
        producers.retain(|id, producer| !(idle.contains(id) && producer.is_idle(deadline)));
        before - producers.len()
    }

    fn producer(&self, id: &str, most: usize) -> Result<Arc<Producer>, OpenError> {
        check_id(id)?;
        let mut producers = self.named.lock();
        if let Some(producer) = producers.get(id) {
            return Ok(Arc::clone(producer));
        }
        if producers.len() >= most {
            return Err(OpenError::TooMany);
        }
        let budget = Some(Arc::new(SeriesBudget::of(id, self.max_series)));
        let state = Mutex::new(State::new(0, &self.quota));
        let producer = Arc::new(Producer { sender: Sender::Named(id.to_owned()), budget, state });
        producers.insert(id.to_owned(), Arc::clone(&producer));
        Ok(producer)
    }

    fn anonymous_session(&self, sender: Sender) -> Session {
        let state = Mutex::new(State::new(0, &self.quota));
        let producer = Arc::new(Producer { sender, budget: None, state });
        if let Sender::Anonymous(number) = producer.sender {
            let mut all = self.anonymous.lock();
            if all.len() >= 2 * all.values().filter(|other| other.strong_count() > 0).count() + 64 {
                all.retain(|_, other| other.strong_count() > 0);
            }
            all.insert(number, Arc::downgrade(&producer));
        }
        Session::of_anonymous(producer)
    }
}

fn check_id(id: &str) -> Result<(), OpenError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(OpenError::InvalidId(id.len()));
    }
    Ok(())
}

impl Producer {
    /// Whether it has no stream and was last seen before `deadline`. A stream holds its producer, and gets hold of it
    /// only under the lock of the table.
    fn is_idle(self: &Arc<Self>, deadline: UnixTime) -> bool {
        Arc::strong_count(self) == 1 && self.state.lock().last_seen < deadline
    }

    /// How far it got, and what `read` makes of the series that it has given numbers.
    pub(crate) fn progress<T>(&self, read: impl FnOnce(&SeriesTable) -> T) -> (Progress, T) {
        let state = self.state.lock();
        let progress = Progress {
            sender: self.sender.clone(),
            epoch: state.epoch,
            last_applied: state.last_applied,
            last_seen: state.last_seen,
        };
        (progress, read(&state.series))
    }
}

impl State {
    fn new(epoch: u64, quota: &Quota) -> Self {
        Self {
            epoch,
            last_applied: 0,
            last_seen: UnixTime::ZERO,
            series: SeriesTable::new(quota),
            current: CancellationToken::new(),
        }
    }
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;
