//! Where batches come in: applied at once, or in the order of the journal where what is acknowledged is kept.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use vision_proto::metrics::v1::RecordResponse;
use vision_service::clock::unix_now;

use crate::{
    durable::{Answer, Durable},
    ingest::{ApplyError, ExpiryRules, Ingest, OpenError, Session, wire::Batch},
};

/// Takes batches; a cheap handle.
#[derive(Clone, Debug)]
pub struct Intake {
    ingest: Arc<Ingest>,
    durable: Option<Arc<Durable>>,
}

/// What has become of a batch.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// It is applied.
    Applied(RecordResponse),
    /// It waits to be kept.
    Waiting(Answer),
}

impl Intake {
    /// An intake whose state ends with the process.
    #[must_use]
    pub fn in_memory(ingest: Arc<Ingest>) -> Self {
        Self { ingest, durable: None }
    }

    /// An intake whose state is kept.
    pub(crate) fn durable(ingest: Arc<Ingest>, durable: Durable) -> Self {
        Self { ingest, durable: Some(Arc::new(durable)) }
    }

    /// What batches are applied to.
    pub(crate) fn ingest(&self) -> &Arc<Ingest> {
        &self.ingest
    }

    /// Makes a new stream the producer's only one.
    pub(crate) async fn open(&self, id: &str, epoch: u64) -> Result<Arc<Session>, OpenError> {
        match &self.durable {
            Some(durable) => durable.open_stream(id, epoch).await,
            None => self.ingest.open(id, epoch, unix_now()).map(Arc::new),
        }
    }

    /// Takes a batch. Those of one stream are applied in the order in which this returns.
    pub(crate) async fn submit(
        &self,
        session: &Arc<Session>,
        message: Bytes,
    ) -> Result<Submitted, ApplyError> {
        if let Some(durable) = &self.durable {
            return durable.submit(session, message).await.map(Submitted::Waiting);
        }
        let batch = Batch::parse(&message).map_err(|error| ApplyError::Malformed(error.to_string()))?;
        session.admit(&batch)?;
        self.ingest.apply(session, &batch, unix_now()).map(Submitted::Applied)
    }

    /// Drops what is idle.
    pub(crate) fn expire(&self, rules: &ExpiryRules) {
        match &self.durable {
            Some(durable) => durable.expire(*rules),
            None => {
                self.ingest.expire(rules, unix_now());
            }
        }
    }

    /// Keeps what is not kept yet, for at most `patience`. Nothing is taken afterwards.
    pub(crate) async fn close(&self, patience: Duration) {
        if let Some(durable) = &self.durable {
            durable.close(patience).await;
        }
    }
}
