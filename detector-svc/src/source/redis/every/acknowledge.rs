//! The task that acknowledges entries, in batches, and has those delivered again that got no verdict of their own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use redis::{Pipeline, RedisResult, Value};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender},
    watch,
};

use crate::{
    frame::{FrameId, StreamId},
    ledger::{Outcome, Settled},
    ownership::Assignment,
    redis_client::{RedisLink, is_refusal},
};

/// Entries acknowledged in one exchange.
const MAX_EXCHANGE: usize = 256;
/// Pause before it is looked again whether streams are this process's still.
const UNSURE: Duration = Duration::from_millis(20);

/// What became of an entry.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) stream: StreamId,
    pub(super) id: FrameId,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Acknowledged, or another replica's.
    Over,
    /// To be delivered again; `counted` as one more delivery.
    Again { counted: bool },
}

/// Acknowledges entries.
pub struct Acknowledger {
    link: RedisLink,
    group: String,
    assignment: watch::Receiver<Assignment>,
    settled: UnboundedReceiver<Settled>,
    returned: UnboundedSender<Returned>,
    /// Verdicts that nothing was done about yet, as many as entries are with this process at most.
    waiting: Vec<Settled>,
}

/// Whose a stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ours,
    /// Ours, unless the lease has run out.
    Unsure,
    NotOurs,
}

impl Acknowledger {
    pub(super) fn new(
        link: RedisLink,
        group: &str,
        assignment: watch::Receiver<Assignment>,
        settled: UnboundedReceiver<Settled>,
        returned: UnboundedSender<Returned>,
    ) -> Self {
        Self { link, group: group.to_owned(), assignment, settled, returned, waiting: Vec::new() }
    }

    /// Acknowledges until no entry can come any more, and all are.
    pub async fn run(mut self) {
        loop {
            if self.waiting.is_empty() && self.settled.recv_many(&mut self.waiting, MAX_EXCHANGE).await == 0 {
                return;
            }
            while let Ok(settled) = self.settled.try_recv() {
                self.waiting.push(settled);
            }
            match self.settle().await {
                Ok(()) if self.waiting.is_empty() => {}
                Ok(()) => tokio::time::sleep(UNSURE).await,
                Err(error) => tokio::time::sleep(self.link.lost(&error, "acknowledge frames")).await,
            }
        }
    }

    async fn settle(&mut self) -> RedisResult<()> {
        let mut ours: BTreeMap<StreamId, Vec<FrameId>> = BTreeMap::new();
        let now = Instant::now();
        for settled in std::mem::take(&mut self.waiting) {
            let fate = match (settled.outcome, self.standing(&settled.stream, now)) {
                (Outcome::Retry, _) => Fate::Again { counted: true },
                (Outcome::Redeliver, _) => Fate::Again { counted: false },
                (Outcome::Acknowledge, Standing::NotOurs) => Fate::Over,
                (Outcome::Acknowledge, Standing::Unsure) => {
                    self.waiting.push(settled);
                    continue;
                }
                (Outcome::Acknowledge, Standing::Ours) => {
                    ours.entry(settled.stream).or_default().push(settled.id);
                    continue;
                }
            };
            self.tell(settled.stream, settled.id, fate);
        }
        self.acknowledge(ours).await
    }

    /// Acknowledges entries, those of streams that one exchange may name together; those that it fails for go on waiting.
    async fn acknowledge(&mut self, mut ours: BTreeMap<StreamId, Vec<FrameId>>) -> RedisResult<()> {
        let names: Vec<_> = ours.keys().map(ToString::to_string).collect();
        let mut outcome = Ok(());
        for group in self.link.groups(&names) {
            let group = group.iter().filter_map(|name| ours.remove_entry(&StreamId::new(name))).collect();
            outcome = outcome.and(self.acknowledge_together(group).await);
        }
        outcome
    }

    async fn acknowledge_together(&mut self, ours: BTreeMap<StreamId, Vec<FrameId>>) -> RedisResult<()> {
        if ours.is_empty() {
            return Ok(());
        }
        let mut exchange = redis::pipe();
        exchange.ignore_errors();
        for (stream, ids) in &ours {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            exchange.cmd("XACK").arg(stream.as_str()).arg(&self.group).arg(ids);
        }
        let replies = self.send(&exchange).await;
        let (replies, mut failed) = match replies {
            Ok(replies) => (replies, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut replies = replies.into_iter();
        for (stream, ids) in ours {
            match replies.next() {
                Some(Ok(_)) => {}
                // A stream that is refused keeps its entries pending.
                Some(Err(error)) if is_refusal(&error) => {
                    self.link.metrics().fail(&error);
                    self.link.refused(stream.as_str(), &error);
                }
                unanswered => {
                    failed = failed.or(unanswered.and_then(Result::err));
                    self.keep(&stream, ids);
                    continue;
                }
            }
            ids.into_iter().for_each(|id| self.tell(stream.clone(), id, Fate::Over));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.link.works();
        Ok(())
    }

    async fn send(&mut self, exchange: &Pipeline) -> RedisResult<Vec<RedisResult<Value>>> {
        let (mut connection, _) = self.link.connection().await?;
        let started = Instant::now();
        let replies = exchange.query_async(&mut connection).await;
        self.link.metrics().observe(started, &replies);
        replies
    }

    fn keep(&mut self, stream: &StreamId, ids: Vec<FrameId>) {
        let outcome = Outcome::Acknowledge;
        let kept = ids.into_iter().map(|id| Settled { stream: stream.clone(), id, outcome });
        self.waiting.extend(kept);
    }

    fn standing(&self, stream: &StreamId, now: Instant) -> Standing {
        let assignment = self.assignment.borrow();
        let owned = assignment.iter().flat_map(|owned| owned.iter()).find(|owned| owned.stream.id == *stream);
        match owned {
            Some(owned) if owned.holds(now) => Standing::Ours,
            Some(_) => Standing::Unsure,
            None => Standing::NotOurs,
        }
    }

    fn tell(&self, stream: StreamId, id: FrameId, fate: Fate) {
        // Nobody reads on when the process ends.
        let _ = self.returned.send(Returned { stream, id, fate });
    }
}
