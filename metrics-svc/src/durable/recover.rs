//! Makes the state anew from what was kept.

use std::time::Instant;

use hashbrown::HashMap;
use vision_metrics::{Metric, RegisterError, UnixTime};
use vision_proto::metrics::v1::SeriesDefinition;

use super::{
    DurableError,
    entry::{CheckpointEntry, JournalEntry, decode, encode},
};
use vision_service::clock::unix_now;

use crate::{
    ingest::{
        ApplyError, Ingest, OpenError, Sender, Session,
        wire::{Batch, WireError},
    },
    storage::{self, Directory, Group, Journal, Recovery, Source},
};

/// Why an entry cannot be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is none that this program knows.
    #[error("decode it: {0}")]
    Decode(#[from] postcard::Error),
    /// Its batch is none.
    #[error("decode its batch: {0}")]
    Batch(#[from] WireError),
    /// Its metric cannot be registered.
    #[error("register its metric: {0}")]
    Register(#[from] RegisterError),
    /// Its producer cannot be restored.
    #[error("restore its producer: {0}")]
    Producer(OpenError),
}

/// Restores what the directory holds into an empty ingest, and opens its journal.
pub(super) fn recover(directory: &Directory, ingest: &Ingest) -> Result<Journal, DurableError> {
    let started = Instant::now();
    let mut restorer =
        Restorer { ingest, metric: None, producer: None, sessions: HashMap::new(), lost: Lost::default() };
    let (mut journal, recovery) = storage::recover(directory, |source, entry| match source {
        Source::Checkpoint(_) => restorer.restore(entry),
        Source::Segment(_) => restorer.replay(entry),
    })?;
    let lost = restorer.lost;
    drop(restorer);
    ingest.producers().see_all(unix_now());
    report(directory, ingest, &recovery, lost, started);
    if recovery.checkpoint.is_none() && recovery.journal_entries == 0 {
        begin(&mut journal, ingest)?;
    }
    Ok(journal)
}

/// Notes which life of the state begins.
fn begin(journal: &mut Journal, ingest: &Ingest) -> Result<(), DurableError> {
    let mut group = Group::default();
    if let Ok(entry) = encode(&JournalEntry::Born { server_epoch: ingest.epoch() }) {
        // A few bytes fit.
        let _ = group.push(&[&entry]);
    }
    Ok(journal.commit(&mut group)?)
}

fn report(directory: &Directory, ingest: &Ingest, recovery: &Recovery, lost: Lost, started: Instant) {
    for damaged in &recovery.damaged_checkpoints {
        tracing::warn!(%damaged, "a checkpoint was not used");
    }
    for cut in &recovery.cuts {
        tracing::warn!(segment = format!("{:016x}", cut.segment), offset = cut.offset, bytes = cut.bytes,
            reason = %cut.reason, "cut off the torn end of a journal segment: it was never acknowledged");
    }
    if lost.series > 0 {
        tracing::warn!(series = lost.series, "series start from nothing: their definition has changed since");
    }
    if lost.numbers > 0 {
        tracing::warn!(
            numbers = lost.numbers,
            "series numbers are lost: their senders must define them again"
        );
    }
    tracing::info!(
        dir = %directory.path().display(),
        took = ?started.elapsed(),
        checkpoint_entries = recovery.checkpoint_entries,
        journal_entries = recovery.journal_entries,
        journal_bytes = recovery.journal_bytes,
        series = ingest.registry().series_count(),
        "restored"
    );
}

/// Takes entries in.
struct Restorer<'a> {
    ingest: &'a Ingest,
    /// The metric whose series come.
    metric: Option<Metric>,
    /// The sender whose numbers come.
    producer: Option<Sender>,
    /// Those who sent: streams without a name live no longer than these.
    sessions: HashMap<Sender, Session>,
    lost: Lost,
}

/// What of a checkpoint has no place any more.
#[derive(Clone, Copy, Default)]
struct Lost {
    /// Series whose state is none of their metric's.
    series: usize,
    /// Numbers of series that cannot be defined.
    numbers: usize,
}

impl Restorer<'_> {
    /// Takes an entry of a checkpoint.
    fn restore(&mut self, entry: &[u8]) -> Result<(), RestoreError> {
        match decode(entry)?.0 {
            CheckpointEntry::Life { server_epoch } => self.ingest.set_epoch(server_epoch),
            CheckpointEntry::Metric { declared, buckets } => {
                let metric = self.ingest.registry().register(declared)?;
                // Counts say nothing of other buckets.
                self.metric = Some(metric).filter(|metric| metric.descriptor().buckets == buckets);
            }
            CheckpointEntry::Series(state) => {
                let payer = state.payer.as_ref().and_then(|id| self.ingest.producers().budget(id));
                let restored = self.metric.as_ref().is_some_and(|metric| metric.restore(state, payer));
                self.lost.series += usize::from(!restored);
            }
            CheckpointEntry::Producer(progress) => {
                let session = self.ingest.producers().restore(&progress).map_err(RestoreError::Producer)?;
                self.sessions.insert(progress.sender, session);
            }
            CheckpointEntry::Numbers(sender) => self.producer = Some(sender),
            CheckpointEntry::Number { id, metric, label_values } => {
                let definition = SeriesDefinition { id, metric, label_values };
                let session = self.producer.as_ref().and_then(|sender| self.sessions.get(sender));
                let registry = self.ingest.registry();
                let restored = session.is_some_and(|session| session.restore_number(registry, &definition));
                self.lost.numbers += usize::from(!restored);
            }
        }
        Ok(())
    }

    /// Takes an entry of the journal.
    fn replay(&mut self, entry: &[u8]) -> Result<(), RestoreError> {
        let (entry, message) = decode(entry)?;
        match entry {
            JournalEntry::Born { server_epoch } => self.ingest.set_epoch(server_epoch),
            JournalEntry::Opened { id, epoch, now } => self.open(Sender::Named(id), epoch, now)?,
            JournalEntry::Batch { sender, epoch, now } => {
                self.open(sender.clone(), epoch, now)?;
                let batch = Batch::parse(message)?;
                // One of a run that had been replaced before was not applied then either.
                let session = self.sessions.get(&sender).filter(|session| session.epoch() == epoch);
                if let Some(session) = session {
                    let _: Result<_, ApplyError> = self.ingest.replay(session, &batch, now);
                }
            }
            JournalEntry::Expired(expired) => {
                // Who is forgotten had no stream.
                let forgotten =
                    |sender: &Sender| matches!(sender, Sender::Named(id) if expired.forgotten.contains(id));
                self.sessions.retain(|sender, _| !forgotten(sender));
                self.ingest.drop_expired(&expired);
            }
            JournalEntry::Probe => {}
        }
        Ok(())
    }

    /// Sees to it that the sender has a session of this run, unless a newer one has been seen.
    fn open(&mut self, sender: Sender, epoch: u64, now: UnixTime) -> Result<(), RestoreError> {
        if self.sessions.get(&sender).is_some_and(|session| session.epoch() >= epoch) {
            return Ok(());
        }
        match self.ingest.producers().reopen(&sender, epoch, now) {
            Ok(session) => self.sessions.insert(sender, session),
            Err(OpenError::StaleEpoch { .. }) => None,
            Err(error) => return Err(RestoreError::Producer(error)),
        };
        Ok(())
    }
}
