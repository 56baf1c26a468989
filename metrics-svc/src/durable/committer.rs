//! The thread that owns the journal: commits, applies, answers.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use vision_metrics::UnixTime;
use vision_proto::metrics::v1::RecordResponse;
use vision_service::{clock::unix_now, readiness::Readiness};

use super::{
    CheckpointRules, STORAGE,
    checkpoint::{Captured, CheckpointError, Writing},
    entry::{JournalEntry, encode},
    telemetry::JournalTelemetry,
};

use crate::{
    ingest::{ApplyError, Expired, ExpiryRules, Ingest, OpenError, Session, wire::Batch},
    storage::{Group, Journal},
};

/// Bytes from which on a group is committed though more waits.
const GROUP_BYTES: usize = 8 << 20;
/// How often to look after checkpoints, and whether a disk that was full has room again.
const TICK: Duration = Duration::from_millis(500);
/// Pause after a checkpoint that failed.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(10);

/// What is asked of the thread.
#[derive(Debug)]
pub(super) enum Work {
    /// Opens a stream.
    Open { id: String, epoch: u64, reply: oneshot::Sender<Result<Arc<Session>, OpenError>> },
    /// Applies a batch.
    Batch {
        session: Arc<Session>,
        message: Bytes,
        reply: oneshot::Sender<Result<RecordResponse, ApplyError>>,
        room: OwnedSemaphorePermit,
    },
    /// Drops what is idle.
    Expire(ExpiryRules),
    /// Ends.
    Close,
}

/// What is to be done once the group is durable.
enum Step {
    Open {
        id: String,
        epoch: u64,
        reply: oneshot::Sender<Result<Arc<Session>, OpenError>>,
    },
    Apply {
        session: Arc<Session>,
        message: Bytes,
        reply: oneshot::Sender<Result<RecordResponse, ApplyError>>,
        _room: OwnedSemaphorePermit,
    },
    Expire(Expired),
}

/// State of the thread.
pub(super) struct Committer {
    ingest: Arc<Ingest>,
    journal: Journal,
    rules: CheckpointRules,
    readiness: Readiness,
    telemetry: JournalTelemetry,
    group: Group,
    steps: Vec<Step>,
    writing: Option<Writing>,
    next_checkpoint: Instant,
    /// After one that failed, none is tried before.
    no_checkpoint_before: Instant,
    /// Whether the last commit was refused.
    refused: bool,
}

impl Committer {
    pub(super) fn new(
        ingest: Arc<Ingest>,
        journal: Journal,
        rules: CheckpointRules,
        readiness: Readiness,
        telemetry: JournalTelemetry,
    ) -> Self {
        readiness.set(STORAGE, true);
        Self {
            ingest,
            journal,
            rules,
            readiness,
            telemetry,
            group: Group::default(),
            steps: Vec::new(),
            writing: None,
            next_checkpoint: Instant::now() + rules.interval,
            no_checkpoint_before: Instant::now(),
            refused: false,
        }
    }

    /// Works until it is told to end, or nobody is left to tell it anything.
    pub(super) fn run(mut self, work: &Receiver<Work>) {
        loop {
            match work.recv_timeout(TICK) {
                Ok(first) => {
                    if !self.take_all(first, work) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.refused {
                        self.probe();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look_after_checkpoints();
        }
        self.close();
    }

    /// Takes all that waits, as one group; whether to go on.
    fn take_all(&mut self, first: Work, work: &Receiver<Work>) -> bool {
        let now = unix_now();
        let mut next = Some(first);
        while let Some(work_item) = next {
            match work_item {
                Work::Open { id, epoch, reply } => self.take_open(id, epoch, reply, now),
                Work::Batch { session, message, reply, room } => {
                    self.take_batch(session, message, reply, room, now);
                }
                Work::Expire(rules) => {
                    self.commit(now);
                    self.expire(&rules, now);
                }
                Work::Close => {
                    self.commit(now);
                    return false;
                }
            }
            next = if self.group.bytes() < GROUP_BYTES { work.try_recv().ok() } else { None };
        }
        self.commit(now);
        true
    }

    fn take_open(
        &mut self,
        id: String,
        epoch: u64,
        reply: oneshot::Sender<Result<Arc<Session>, OpenError>>,
        now: UnixTime,
    ) {
        let taken = self.ingest.producers().is_new(&id, epoch).and_then(|new| {
            let entry = JournalEntry::Opened { id: id.clone(), epoch, now };
            if new { self.push(&entry, &[]).map_err(OpenError::Unavailable) } else { Ok(()) }
        });
        match taken {
            Ok(()) => self.steps.push(Step::Open { id, epoch, reply }),
            Err(error) => {
                // Whoever asked may be gone.
                let _ = reply.send(Err(error));
            }
        }
    }

    fn take_batch(
        &mut self,
        session: Arc<Session>,
        message: Bytes,
        reply: oneshot::Sender<Result<RecordResponse, ApplyError>>,
        room: OwnedSemaphorePermit,
        now: UnixTime,
    ) {
        let admitted = Batch::parse(&message)
            .map_err(|error| ApplyError::Malformed(error.to_string()))
            .and_then(|batch| session.admit(&batch));
        let entry = JournalEntry::Batch { sender: session.sender().clone(), epoch: session.epoch(), now };
        let taken = admitted.and_then(|()| self.push(&entry, &message).map_err(ApplyError::Unavailable));
        match taken {
            Ok(()) => self.steps.push(Step::Apply { session, message, reply, _room: room }),
            Err(error) => {
                // What comes after it must not be applied without it.
                session.break_off();
                let _ = reply.send(Err(error));
            }
        }
    }

    fn push(&mut self, entry: &JournalEntry, message: &[u8]) -> Result<(), String> {
        let head = encode(entry).map_err(|error| error.to_string())?;
        self.group.push(&[&head, message]).map_err(|error| error.to_string())
    }

    /// Makes the group durable, applies it and answers.
    fn commit(&mut self, now: UnixTime) {
        let started = Instant::now();
        let written = !self.group.is_empty();
        let committed = self.journal.commit(&mut self.group);
        self.group.clear();
        match committed {
            Ok(()) => {
                if written {
                    self.telemetry.committed(started.elapsed());
                    self.accept();
                }
                self.apply(now);
            }
            Err(error) => self.refuse(&error.to_string()),
        }
        self.telemetry.set_bytes(self.journal.bytes_since_checkpoint());
    }

    fn apply(&mut self, now: UnixTime) {
        for step in self.steps.drain(..) {
            match step {
                Step::Open { id, epoch, reply } => {
                    let _ = reply.send(self.ingest.open(&id, epoch, now).map(Arc::new));
                }
                Step::Apply { session, message, reply, _room } => {
                    let batch = Batch::parse(&message);
                    let batch = batch.map_err(|error| ApplyError::Malformed(error.to_string()));
                    let applied = batch.and_then(|batch| self.ingest.apply(&session, &batch, now));
                    let _ = reply.send(applied);
                }
                Step::Expire(expired) => self.ingest.drop_expired(&expired),
            }
        }
    }

    /// Nothing of the group is applied: whoever sent it sends it again.
    fn refuse(&mut self, error: &str) {
        self.telemetry.failed();
        if !self.refused {
            tracing::error!(error, "metrics cannot be stored: none are taken until they can");
        }
        self.refused = true;
        self.readiness.set(STORAGE, false);
        let message = format!("metrics cannot be stored at present: {error}");
        for step in self.steps.drain(..) {
            match step {
                Step::Open { reply, .. } => {
                    let _ = reply.send(Err(OpenError::Unavailable(message.clone())));
                }
                Step::Apply { session, reply, .. } => {
                    session.break_off();
                    let _ = reply.send(Err(ApplyError::Unavailable(message.clone())));
                }
                // It stays idle.
                Step::Expire(_) => {}
            }
        }
    }

    fn accept(&mut self) {
        if self.refused {
            tracing::info!("metrics can be stored again");
            self.refused = false;
            self.readiness.set(STORAGE, true);
        }
    }

    /// Tries whether something can be stored again.
    fn probe(&mut self) {
        // A few bytes fit.
        let _ = self.push(&JournalEntry::Probe, &[]);
        self.commit(unix_now());
    }

    /// Drops what is idle once the journal says so: replaying must find as much room as there was.
    fn expire(&mut self, rules: &ExpiryRules, now: UnixTime) {
        let Some(expired) = self.ingest.what_expires(rules, now) else {
            return;
        };
        if self.push(&JournalEntry::Expired(expired.clone()), &[]).is_ok() {
            self.steps.push(Step::Expire(expired));
            self.commit(now);
        }
    }

    fn look_after_checkpoints(&mut self) {
        if let Some(writing) = self.writing.take_if(|writing| writing.is_finished()) {
            self.end_checkpoint(writing);
        }
        let bytes = self.journal.bytes_since_checkpoint();
        let now = Instant::now();
        let due = bytes >= self.rules.bytes || now >= self.next_checkpoint;
        if due && now >= self.no_checkpoint_before && bytes > 0 && self.writing.is_none() && !self.refused {
            self.begin_checkpoint();
        }
    }

    fn begin_checkpoint(&mut self) {
        self.next_checkpoint = Instant::now() + self.rules.interval;
        let begun = self.journal.rotate().map_err(CheckpointError::from).and_then(|number| {
            Captured::of(&self.ingest).write_aside(self.journal.directory().clone(), number)
        });
        match begun {
            Ok(writing) => self.writing = Some(writing),
            Err(error) => self.checkpoint_failed(&error),
        }
    }

    fn end_checkpoint(&mut self, writing: Writing) {
        match writing.join() {
            Ok((written, took)) => {
                self.journal.checkpointed(written.number);
                self.telemetry.checkpointed(took);
                self.telemetry.set_bytes(self.journal.bytes_since_checkpoint());
                tracing::debug!(
                    entries = written.entries,
                    bytes = written.bytes,
                    ?took,
                    "checkpoint written"
                );
            }
            Err(error) => self.checkpoint_failed(&error),
        }
    }

    fn checkpoint_failed(&mut self, error: &CheckpointError) {
        self.telemetry.failed();
        tracing::warn!(%error, retry_in = ?CHECKPOINT_PAUSE, "failed to write a checkpoint; the journal is kept");
        self.no_checkpoint_before = Instant::now() + CHECKPOINT_PAUSE;
    }

    fn close(mut self) {
        if let Some(writing) = self.writing.take() {
            self.end_checkpoint(writing);
        }
        if self.journal.bytes_since_checkpoint() > 0 && !self.refused {
            self.begin_checkpoint();
            if let Some(writing) = self.writing.take() {
                self.end_checkpoint(writing);
            }
        }
    }
}
