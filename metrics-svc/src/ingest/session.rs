//! One open stream of a sender, and applying its batches.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio_util::sync::CancellationToken;
use vision_metrics::{Registry, UnixTime};
use vision_proto::metrics::v1::SeriesDefinition;

use super::{
    batch::Target,
    producer::{Producer, Sender},
    rejection::Rejections,
    wire::Batch,
};

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
    /// What was sent is no message.
    #[error("{0}")]
    Malformed(String),
    /// The batch cannot be kept, so that it was not applied.
    #[error("{0}")]
    Unavailable(String),
}

/// A sender's stream, as long as no newer one takes over.
#[derive(Debug)]
pub(crate) struct Session {
    producer: Arc<Producer>,
    epoch: u64,
    superseded: CancellationToken,
    /// A batch could not be kept: those after it must not be applied before it.
    broken: AtomicBool,
}

/// Outcome of a batch that was taken.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) acked_sequence: u64,
    /// `None` if the batch was applied earlier: this is a repetition.
    pub(super) rejections: Option<Rejections>,
}

impl Session {
    /// A stream that ends when the token is cancelled.
    pub(super) fn new(producer: Arc<Producer>, epoch: u64, superseded: CancellationToken) -> Self {
        Self { producer, epoch, superseded, broken: AtomicBool::new(false) }
    }

    /// A stream that nobody takes over.
    pub(super) fn of_anonymous(producer: Arc<Producer>) -> Self {
        Self::new(producer, 0, CancellationToken::new())
    }

    pub(super) fn producer(&self) -> &Producer {
        &self.producer
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.producer.sender
    }

    /// Whether its producer has a name.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self.producer.sender, Sender::Named(_))
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes no further batch.
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Relaxed);
    }

    /// Resolves when a newer stream of the producer has taken over.
    pub(crate) async fn superseded(&self) -> ApplyError {
        self.superseded.cancelled().await;
        self.superseded_error()
    }

    fn superseded_error(&self) -> ApplyError {
        let id = match &self.producer.sender {
            Sender::Named(id) => id.clone(),
            Sender::Anonymous(_) => String::new(),
        };
        ApplyError::Superseded(id)
    }

    /// The last sequence applied in the producer's epoch.
    pub(super) fn last_applied(&self) -> u64 {
        self.producer.state.lock().last_applied
    }

    /// Whether a batch may be taken at all.
    pub(crate) fn admit(&self, batch: &Batch<'_>) -> Result<(), ApplyError> {
        if self.broken.load(Relaxed) {
            let message = "an earlier batch of this stream could not be kept: open it anew";
            return Err(ApplyError::Unavailable(message.to_owned()));
        }
        if self.superseded.is_cancelled() {
            return Err(self.superseded_error());
        }
        match &self.producer.sender {
            Sender::Named(id) if batch.sequence() == 0 && has_values(batch) => {
                Err(ApplyError::Unnumbered(id.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Applies a batch that was admitted, if it is above the last sequence; sequence 0 only declares.
    pub(super) fn apply(
        &self,
        registry: &Registry,
        batch: &Batch<'_>,
        now: UnixTime,
    ) -> Result<Acknowledged, ApplyError> {
        let mut state = self.producer.state.lock();
        if state.epoch != self.epoch {
            return Err(self.superseded_error());
        }
        // Repetitions of somebody without a name are not told apart.
        if self.is_named() && (1..=state.last_applied).contains(&batch.sequence()) {
            return Ok(Acknowledged { acked_sequence: state.last_applied, rejections: None });
        }
        state.last_seen = now;
        let rejections = Some(self.target(registry, now).apply(&mut state.series, batch));
        state.last_applied = state.last_applied.max(batch.sequence());
        let acked_sequence = if self.is_named() { state.last_applied } else { batch.sequence() };
        Ok(Acknowledged { acked_sequence, rejections })
    }

    /// Gives a series its number again, after it was kept; false if there is no such series any more.
    pub(crate) fn restore_number(&self, registry: &Registry, definition: &SeriesDefinition) -> bool {
        let target = self.target(registry, UnixTime::ZERO);
        self.producer.state.lock().series.restore(&target, definition).is_ok()
    }

    fn target<'a>(&'a self, registry: &'a Registry, now: UnixTime) -> Target<'a> {
        let producer = match &self.producer.sender {
            Sender::Named(id) => Some(&**id),
            Sender::Anonymous(_) => None,
        };
        Target { registry, producer, budget: self.producer.budget.as_ref(), now }
    }
}

fn has_values(batch: &Batch<'_>) -> bool {
    let samples = batch.samples();
    samples.id_count() > 0 || samples.value_count() > 0 || batch.events().len() > 0
}
