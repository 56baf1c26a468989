//! The task that takes, prolongs and gives up this replica's streams.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use redis::RedisResult;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    Assignment, Known, KnownStream, Owned, OwnershipKeys, OwnershipSettings, Tenure,
    leases::{Leases, Seen},
    share::{self, Holder},
};
use crate::{
    frame::{Lease, StreamId},
    redis_client::{Connection, RedisLink},
};

/// Rounds in the time of a lease, at least: one is prolonged long before a third of it is over.
const ROUNDS_PER_LEASE: u32 = 12;
/// Longest pause between two rounds: what another replica leaves is taken as soon.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Keeps this replica's share of the streams.
pub struct Keeper {
    leases: Leases,
    link: RedisLink,
    known: watch::Receiver<Known>,
    assignment: watch::Sender<Assignment>,
    drained: mpsc::UnboundedReceiver<StreamId>,
    held: BTreeMap<StreamId, Held>,
    /// Start of every token: no other process has the same, even under the same name.
    token_prefix: String,
    acquisitions: u64,
}

struct Held {
    stream: KnownStream,
    tenure: Tenure,
    /// Set when it is given up: when at the latest.
    until: Option<Instant>,
    /// Whether none of its frames is in flight any more.
    drained: bool,
}

impl Keeper {
    /// A keeper of the streams that become known, which tells in `assignment` what this replica has. A stream that is
    /// given up is kept until `drained` tells of it, or for the time of a lease.
    pub(crate) fn new(
        settings: &OwnershipSettings,
        replica: String,
        keys: OwnershipKeys,
        link: RedisLink,
        known: watch::Receiver<Known>,
        assignment: watch::Sender<Assignment>,
        drained: mpsc::UnboundedReceiver<StreamId>,
    ) -> Self {
        Self {
            token_prefix: format!("{replica}:{:08x}", rand::random::<u32>()),
            leases: Leases { keys, replica, term: settings.lease },
            link,
            known,
            assignment,
            drained,
            held: BTreeMap::new(),
            acquisitions: 0,
        }
    }

    /// Keeps the share until `finish` is cancelled, then leaves it to the others.
    pub async fn run(mut self, finish: CancellationToken) {
        let mut rounds = interval(LONGEST_PAUSE.min(self.leases.term / ROUNDS_PER_LEASE));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // However long Redis is away, what is held is prolonged as soon as it is back.
            let longest = self.leases.term / 6;
            let pause =
                self.round().await.err().map(|error| self.link.lost(&error, "keep streams").min(longest));
            tokio::select! {
                () = finish.cancelled() => break,
                _ = rounds.tick(), if pause.is_none() => {}
                Ok(()) = self.known.changed() => {}
                Some(stream) = self.drained.recv() => {
                    self.has_drained(&stream);
                    while let Ok(stream) = self.drained.try_recv() {
                        self.has_drained(&stream);
                    }
                }
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
        self.leave().await;
    }

    /// Prolongs, gives up and takes.
    async fn round(&mut self) -> RedisResult<()> {
        let Some(known) = self.known.borrow_and_update().clone() else {
            return Ok(());
        };
        let (mut connection, _) = self.link.connection().await?;
        let asked = Instant::now();
        let seen = self.look(&mut connection, &known, asked).await;
        self.link.metrics().observe(asked, &seen);
        let (replicas, holders) = seen?;
        self.link.works();
        let place = replicas.iter().position(|replica| *replica == self.leases.replica).unwrap_or_default();
        let plan = share::plan(&holders, replicas.len(), place);
        self.give_up(&plan.give_up, &known, asked);
        let released = self.release(&mut connection).await;
        let taken = self.take(&mut connection, &plan.take, &known).await;
        // Whatever became of the writes, and only once: a stream that was lost and got back has not gone in between.
        self.tell();
        released.and(taken)
    }

    /// Says that this replica is alive and looks at who has what; streams that were lost are dropped.
    async fn look(
        &mut self,
        connection: &mut Connection,
        known: &[KnownStream],
        asked: Instant,
    ) -> RedisResult<(Vec<String>, Vec<(StreamId, Holder)>)> {
        let ids = ids(known);
        let gone = self.held.keys().filter(|id| !ids.contains(id));
        let streams: Vec<_> = known.iter().map(|stream| &stream.id).chain(gone).cloned().collect();
        let held: HashMap<_, _> =
            self.held.iter().map(|(id, held)| (id.clone(), held.tenure.lease().clone())).collect();
        let Seen { replicas, tokens } = self.leases.round(connection, &streams, &held).await?;
        for (stream, token) in streams.iter().zip(&tokens) {
            self.found(stream, token, asked);
        }
        let holders = streams.into_iter().zip(&tokens).take(known.len());
        let holders = holders.map(|(stream, token)| {
            let holder = self.holder(&stream, token);
            (stream, holder)
        });
        Ok((replicas, holders.collect()))
    }

    /// What Redis says about a stream that this replica may have had.
    fn found(&mut self, stream: &StreamId, token: &str, asked: Instant) {
        let Some(held) = self.held.get(stream) else {
            return;
        };
        if held.tenure.lease().as_str() == token {
            held.tenure.confirm(asked);
        } else {
            tracing::warn!(%stream, owner = token, "stream was lost: its lease ran out");
            self.held.remove(stream);
        }
    }

    fn holder(&self, stream: &StreamId, token: &str) -> Holder {
        match self.held.get(stream) {
            Some(held) if held.until.is_none() => Holder::Us,
            Some(_) => Holder::Other,
            None if token.is_empty() => Holder::Nobody,
            None => Holder::Other,
        }
    }

    /// Has streams drained that are surplus, or that nobody asks for any more.
    fn give_up(&mut self, surplus: &[StreamId], known: &[KnownStream], now: Instant) {
        let until = now + self.leases.term;
        let ids = ids(known);
        for (id, held) in self.held.iter_mut().filter(|(_, held)| held.until.is_none()) {
            if surplus.contains(id) || !ids.contains(id) {
                held.until = Some(until);
            }
        }
    }

    /// Gives up what has drained.
    async fn release(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let now = Instant::now();
        let is_over = |held: &Held| held.drained || held.until.is_some_and(|until| until <= now);
        let over = self.held.iter().filter(|(_, held)| is_over(held));
        let over: Vec<_> = over.map(|(id, held)| (id.clone(), held.tenure.lease().clone())).collect();
        self.leases.release(connection, &over).await?;
        for (stream, _) in over {
            let drained = self.held.remove(&stream).is_some_and(|held| held.drained);
            tracing::info!(%stream, drained, "stream is left to another replica");
        }
        Ok(())
    }

    async fn take(
        &mut self,
        connection: &mut Connection,
        streams: &[StreamId],
        known: &[KnownStream],
    ) -> RedisResult<()> {
        if streams.is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> = streams.iter().map(|stream| (stream.clone(), self.new_lease())).collect();
        let asked = Instant::now();
        let taken = self.leases.take(connection, &wanted).await?;
        for (id, lease) in wanted.into_iter().zip(taken).filter(|(_, taken)| *taken).map(|(wanted, _)| wanted)
        {
            if let Some(stream) = known.iter().find(|stream| stream.id == id).cloned() {
                tracing::info!(stream = %id, "stream is this replica's");
                let tenure = Tenure::new(lease, self.leases.term, asked);
                self.held.insert(id, Held { stream, tenure, until: None, drained: false });
            }
        }
        Ok(())
    }

    fn new_lease(&mut self) -> Lease {
        self.acquisitions += 1;
        Lease::new(&format!("{}:{}", self.token_prefix, self.acquisitions))
    }

    fn has_drained(&mut self, stream: &StreamId) {
        if let Some(held) = self.held.get_mut(stream) {
            held.drained = held.until.is_some();
        }
    }

    fn tell(&self) {
        let owned = self.held.values().map(|held| Owned {
            stream: held.stream.clone(),
            tenure: Some(held.tenure.clone()),
            draining: held.until.is_some(),
        });
        let assignment: Assignment = Some(owned.collect());
        self.assignment.send_if_modified(|current| {
            let changed = *current != assignment;
            *current = assignment;
            changed
        });
    }

    /// Leaves everything to the others, at once.
    async fn leave(mut self) {
        let held: Vec<_> =
            self.held.iter().map(|(id, held)| (id.clone(), held.tenure.lease().clone())).collect();
        let left = async {
            let (mut connection, _) = self.link.connection().await?;
            self.leases.leave(&mut connection).await?;
            self.leases.release(&mut connection, &held).await
        };
        if let Err(error) = left.await {
            let after: Duration = self.leases.term;
            tracing::warn!(%error, ?after, "streams are left to other replicas late");
        }
    }
}

fn ids(known: &[KnownStream]) -> HashSet<&StreamId> {
    known.iter().map(|stream| &stream.id).collect()
}
