//! Keeps what is acknowledged: every batch is in the journal, durably, before it is applied and acknowledged.
//!
//! One thread owns the journal. It takes all batches that wait, commits them as one group, applies them in the order
//! of the journal and answers. So the state in memory is always what replaying the journal makes, and a checkpoint taken
//! between two groups stands for the journal up to there.

mod checkpoint;
mod committer;
mod entry;
mod recover;
mod telemetry;

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry::metrics::Meter;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use vision_proto::metrics::v1::RecordResponse;
use vision_service::readiness::Readiness;

pub use self::recover::RestoreError;
use self::{
    committer::{Committer, Work},
    telemetry::JournalTelemetry,
};
use crate::{
    ingest::{ApplyError, ExpiryRules, Ingest, OpenError, Session},
    storage::{Directory, RecoverError, StorageError},
};

/// Bytes of batches that may wait for their commit.
const WAITING_BYTES: usize = 64 << 20;
/// What a batch counts for at least.
const LEAST_BYTES: usize = 1024;
/// What `/ready` names while nothing can be stored.
pub(crate) const STORAGE: &str = "storage";

/// When the journal is replaced by a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointRules {
    /// From so many bytes of journal on.
    pub(crate) bytes: u64,
    /// After so long, if there is any journal.
    pub(crate) interval: Duration,
}

/// The answer to a batch, once it is durable.
pub(crate) type Answer = oneshot::Receiver<Result<RecordResponse, ApplyError>>;

/// The thread that owns the journal.
#[derive(Debug)]
pub(crate) struct Durable {
    work: Sender<Work>,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why the state cannot be kept in a directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// The directory cannot be used, or what it holds not be had.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What it holds cannot be replayed.
    #[error(transparent)]
    Recover(#[from] RecoverError<RestoreError>),
    /// The thread does not start.
    #[error("start the journal's thread: {0}")]
    Thread(std::io::Error),
}

impl Durable {
    /// Restores what `dir` holds into `ingest`, which is empty, and keeps there what comes.
    ///
    /// # Errors
    /// The directory cannot be used, or does not hold all that was durable.
    pub(crate) fn open(
        dir: &Path,
        rules: CheckpointRules,
        ingest: Arc<Ingest>,
        readiness: Readiness,
        meter: &Meter,
    ) -> Result<Self, DurableError> {
        let directory = Directory::lock(dir)?;
        let journal = recover::recover(&directory, &ingest)?;
        let telemetry = JournalTelemetry::new(meter);
        let (work, waiting) = mpsc::channel();
        let watch = Watch(readiness.clone());
        let committer = Committer::new(ingest, journal, rules, readiness, telemetry);
        let work_on = move || {
            let _watch = watch;
            committer.run(&waiting);
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(work_on);
        let thread = thread.map_err(DurableError::Thread)?;
        Ok(Self { work, room: Arc::new(Semaphore::new(WAITING_BYTES)), thread: Mutex::new(Some(thread)) })
    }

    /// Makes a new stream the producer's only one, durably.
    pub(crate) async fn open_stream(&self, id: &str, epoch: u64) -> Result<Arc<Session>, OpenError> {
        let (reply, opened) = oneshot::channel();
        let unavailable = || OpenError::Unavailable("the journal is closed".to_owned());
        let work = Work::Open { id: id.to_owned(), epoch, reply };
        self.work.send(work).map_err(|_| unavailable())?;
        opened.await.unwrap_or_else(|_| Err(unavailable()))
    }

    /// Hands a batch over, as soon as there is room for it.
    pub(crate) async fn submit(&self, session: &Arc<Session>, message: Bytes) -> Result<Answer, ApplyError> {
        let unavailable = || ApplyError::Unavailable("the journal is closed".to_owned());
        let bytes = message.len().clamp(LEAST_BYTES, WAITING_BYTES);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| unavailable())?;
        let (reply, answer) = oneshot::channel();
        let session = Arc::clone(session);
        self.work.send(Work::Batch { session, message, reply, room }).map_err(|_| unavailable())?;
        Ok(answer)
    }

    /// Drops what is idle, in the order of the journal.
    pub(crate) fn expire(&self, rules: ExpiryRules) {
        // After the end there is nothing to drop.
        let _ = self.work.send(Work::Expire(rules));
    }

    /// Commits what waits, writes a checkpoint, so that the next start is quick, and ends the thread. After `patience`
    /// it goes on alone: what is acknowledged is in the journal.
    pub(crate) async fn close(&self, patience: Duration) {
        let _ = self.work.send(Work::Close);
        let thread = self.thread.lock().take();
        let joined = tokio::task::spawn_blocking(|| thread.map(JoinHandle::join));
        match tokio::time::timeout(patience, joined).await {
            Ok(Ok(Some(Ok(())) | None)) => {}
            Ok(_) => tracing::error!("the journal's thread panicked"),
            Err(_) => tracing::warn!(
                ?patience,
                "ending without a last checkpoint: the next start replays the journal"
            ),
        }
    }
}

/// Tells that nothing is stored any more if the thread that it lives in panics.
struct Watch(Readiness);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set(STORAGE, false);
            tracing::error!(
                "the journal's thread panicked: no metrics are taken until the process is restarted"
            );
        }
    }
}
