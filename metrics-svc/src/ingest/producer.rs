//! Who sends, and how far they got: the state behind exactly-once.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use vision_metrics::{Registry, UnixTime};
use vision_proto::metrics::v1::RecordRequest;

use super::{
    batch::Target,
    rejection::Rejections,
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
}

/// Why a batch was not taken at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ApplyError {
    /// Values without a number cannot be told from a repetition.
    #[error("a batch of producer {0:?} has values but sequence 0: sequences start at 1")]
    Unnumbered(String),
    /// The producer has opened another stream since.
    #[error("a newer stream of producer {0:?} has taken over")]
    Superseded(String),
}

/// Every producer seen.
#[derive(Debug, Default)]
pub(super) struct ProducerTable {
    producers: Mutex<HashMap<String, Arc<Producer>>>,
    quota: Quota,
}

/// One producer; its one lock covers both the number of the last batch and applying the next.
#[derive(Debug)]
struct Producer {
    id: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    epoch: u64,
    last_applied: u64,
    /// When a stream was opened or a batch arrived.
    last_seen: UnixTime,
    series: SeriesTable,
    /// Ends the stream that is the producer's at present.
    current: CancellationToken,
}

/// A producer's stream, as long as no newer one takes over.
#[derive(Debug)]
pub(crate) struct Session {
    producer: Arc<Producer>,
    superseded: CancellationToken,
}

/// Outcome of a batch that was taken.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) acked_sequence: u64,
    pub(super) outcome: Applied,
}

/// When a batch was applied.
#[derive(Debug)]
pub(super) enum Applied {
    /// Just now, but for what was rejected.
    Now(Rejections),
    /// Earlier: this is a repetition.
    Before,
}

impl ProducerTable {
    /// Makes a new stream the producer's only one; a new epoch starts from nothing.
    pub(super) fn open(&self, id: &str, epoch: u64, now: UnixTime) -> Result<Session, OpenError> {
        let producer = self.producer(id)?;
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
        Ok(Session { producer, superseded })
    }

    /// The series numbers of somebody without a name.
    pub(super) fn anonymous(&self) -> SeriesTable {
        SeriesTable::new(&self.quota)
    }

    pub(super) fn len(&self) -> usize {
        self.producers.lock().len()
    }

    /// Forgets producers without a stream that were last seen longer ago than `idle`; returns how many.
    pub(super) fn forget_idle(&self, idle: Duration, now: UnixTime) -> usize {
        let mut producers = self.producers.lock();
        let before = producers.len();
        // A stream holds its producer, and gets hold of it only under the lock of this table.
        producers.retain(|_, producer| {
            Arc::strong_count(producer) > 1 || now.saturating_sub(producer.state.lock().last_seen) <= idle
        });
        before - producers.len()
    }

    fn producer(&self, id: &str) -> Result<Arc<Producer>, OpenError> {
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(OpenError::InvalidId(id.len()));
        }
        let mut producers = self.producers.lock();
        if let Some(producer) = producers.get(id) {
            return Ok(Arc::clone(producer));
        }
        if producers.len() >= MAX_PRODUCERS {
            return Err(OpenError::TooMany);
        }
        let state = Mutex::new(State::new(0, &self.quota));
        let producer = Arc::new(Producer { id: id.to_owned(), state });
        producers.insert(id.to_owned(), Arc::clone(&producer));
        Ok(producer)
    }
}

impl Session {
    /// Resolves when a newer stream of the producer has taken over.
    pub(crate) async fn superseded(&self) -> ApplyError {
        self.superseded.cancelled().await;
        ApplyError::Superseded(self.producer.id.clone())
    }

    /// The last sequence applied in the producer's epoch.
    pub(super) fn last_applied(&self) -> u64 {
        self.producer.state.lock().last_applied
    }

    /// Applies a batch above the last sequence; sequence 0 may only declare.
    pub(super) fn apply(
        &self,
        registry: &Registry,
        request: &RecordRequest,
        now: UnixTime,
    ) -> Result<Acknowledged, ApplyError> {
        let id = &self.producer.id;
        let mut state = self.producer.state.lock();
        if self.superseded.is_cancelled() {
            return Err(ApplyError::Superseded(id.clone()));
        }
        if request.sequence == 0 && has_values(request) {
            return Err(ApplyError::Unnumbered(id.clone()));
        }
        if request.sequence != 0 && request.sequence <= state.last_applied {
            return Ok(state.acknowledge(Applied::Before));
        }
        state.last_seen = now;
        let target = Target { registry, producer: Some(id), now };
        let rejections = target.apply(&mut state.series, request);
        state.last_applied = state.last_applied.max(request.sequence);
        Ok(state.acknowledge(Applied::Now(rejections)))
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

    fn acknowledge(&self, outcome: Applied) -> Acknowledged {
        Acknowledged { acked_sequence: self.last_applied, outcome }
    }
}

fn has_values(request: &RecordRequest) -> bool {
    let packed = request.samples.as_ref();
    let packed = packed.is_some_and(|s| !s.value.is_empty() || !s.series_id.is_empty());
    packed || !request.events.is_empty()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const IDLE: Duration = Duration::from_secs(100);

    #[test]
    fn only_producers_that_are_gone_are_forgotten() {
        let (table, start) = (ProducerTable::default(), Duration::from_secs(1000));
        let open = table.open("open", 1, start).unwrap();
        drop(table.open("closed", 1, start).unwrap());
        assert_eq!(table.forget_idle(IDLE, start + IDLE), 0);
        assert_eq!(table.forget_idle(IDLE, start + 2 * IDLE), 1);
        drop(open);
        assert_eq!(table.forget_idle(IDLE, start + 2 * IDLE), 1);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn the_id_has_a_length() {
        let table = ProducerTable::default();
        for id in [String::new(), "x".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(table.open(&id, 1, IDLE).unwrap_err(), OpenError::InvalidId(id.len()));
        }
    }
}
