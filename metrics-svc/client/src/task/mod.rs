//! The background task of a remote recorder, as its owner sees it.

mod outbox;
mod waiters;
mod worker;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Endpoint;
use vision_proto::metrics::v1::Producer;

use self::{outbox::Outbox, worker::Worker};
use crate::{RecorderSettings, Stopped, clock, remote::Remote};

/// Flushes asked for at once; further ones wait.
const FLUSH_CAPACITY: usize = 16;

/// Sends what a recorder gathers. Dropping it stops the sending at once.
#[derive(Debug)]
pub struct RecorderTask {
    worker: JoinHandle<Unflushed>,
    flusher: Flusher,
    stop: DropGuard,
}

/// What was recorded and is not known to have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{events} events are not acknowledged, of which {batches} batches may have arrived")]
pub struct Unflushed {
    /// Values, those of batches included.
    pub events: usize,
    /// Batches cut and not acknowledged.
    pub batches: usize,
}

/// Asks the task to flush; a cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Flusher(mpsc::Sender<oneshot::Sender<()>>);

impl RecorderTask {
    pub(crate) fn spawn(settings: RecorderSettings, endpoint: Endpoint, remote: Arc<Remote>) -> Self {
        let (flusher, flushes) = mpsc::channel(FLUSH_CAPACITY);
        let stop = CancellationToken::new();
        let outbox = Outbox::new(settings.max_unacked_batches);
        let producer = Producer { id: settings.producer_id.clone(), epoch: epoch() };
        let worker = Worker::new(settings, endpoint, producer, remote, outbox, flushes);
        Self {
            worker: tokio::spawn(worker.run(stop.clone())),
            flusher: Flusher(flusher),
            stop: stop.drop_guard(),
        }
    }

    pub(crate) fn flusher(&self) -> Flusher {
        self.flusher.clone()
    }

    /// Sends what was recorded before the call, waits at most `deadline` for its acknowledgement and ends.
    ///
    /// # Errors
    /// What is not acknowledged by then, and lost.
    pub async fn shutdown(self, deadline: Duration) -> Result<(), Unflushed> {
        let flushed = timeout(deadline, self.flusher.flush()).await;
        drop(self.stop);
        let left = self.worker.await.unwrap_or_default();
        match flushed {
            Ok(Ok(())) => Ok(()),
            _ => Err(left),
        }
    }
}

impl Flusher {
    pub(crate) async fn flush(&self) -> Result<(), Stopped> {
        let (done, flushed) = oneshot::channel();
        self.0.send(done).await.map_err(|_| Stopped)?;
        flushed.await.map_err(|_| Stopped)
    }
}

/// Number of this run: a later start has a greater one.
fn epoch() -> u64 {
    u64::try_from(clock::now().as_nanos()).unwrap_or(u64::MAX)
}
