//! One stream of which every entry is looked at: where its group stands, and which entries are with this process.

mod catch_up;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use redis::{RedisError, RedisResult, aio::ConnectionLike};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    group::Group,
    position::{Extent, GroupPosition},
};
use crate::{
    frame::{Frame, FrameId, StreamId},
    ledger::{DropReason, Outcome, Receipt, Settled},
    ownership::Owned,
    redis_client::{has_vanished, is_refusal},
    source::{
        SourceEvent,
        redis::{entry, portion::Assigned, reply::RawEntry},
    },
};

/// Pause before an entry is delivered again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Entries of one stream that are with this process at most, acknowledgements on the way included.
const MAX_HELD: usize = 1024;
/// Deliveries from which on an entry may be what kills the process.
const SUSPECT: u64 = 3;

/// What every stream of a source needs.
pub(super) struct Reading {
    pub(super) group: Group,
    /// How long another consumer's entry must have been pending to be claimed when a stream is taken over: 0 when it is
    /// this process's alone.
    pub(super) claim_first: Duration,
    /// The same later on.
    pub(super) claim_after: Duration,
    /// Deliveries after which an entry is given up.
    pub(super) max_deliveries: u64,
    /// Pause before a stream that is refused is tried again.
    pub(super) refused_pause: Duration,
    /// Where verdicts go.
    pub(super) receipts: UnboundedSender<Settled>,
}

/// Entries that are with this process, and how often each was delivered.
pub(super) type Held = BTreeMap<FrameId, u64>;

/// One stream of which every entry is looked at.
pub(super) struct Stream {
    pub(super) owned: Owned,
    stage: Stage,
    /// `None` before the first look.
    position: Option<GroupPosition>,
    held: Held,
    /// Entries that are to be delivered again: as which delivery, and when.
    again: BTreeMap<FrameId, (u64, Instant)>,
    /// When it is looked at again, in the stages in which that has to wait.
    look_at: Instant,
    /// Whether it cannot be read at present: the server refuses, or it is not there.
    unreadable: bool,
    drained: bool,
}

/// What is done with a stream next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Find its group.
    Prepare,
    /// Claim what has been pending for so long, from this cursor on.
    Claim(Duration, String),
    /// Read on.
    Read,
}

impl Assigned for Stream {
    fn id(&self) -> &StreamId {
        &self.owned.stream.id
    }

    fn go_on(&mut self, owned: Owned, now: Instant) {
        if owned.lease() != self.owned.lease() {
            self.drained = false;
            self.begin_anew(now);
        }
        if owned.draining {
            // They are pending, and the next owner's.
            self.again.clear();
        }
        self.owned = owned;
    }
}

impl Stream {
    /// A stream of which entries are `held` since an earlier time that it was this process's.
    pub(super) fn new(owned: Owned, held: Held, now: Instant) -> Self {
        Self {
            owned,
            stage: Stage::Prepare,
            position: None,
            held,
            again: BTreeMap::new(),
            look_at: now,
            unreadable: false,
            drained: false,
        }
    }

    /// Has the group looked for and pending entries claimed: the connection is new, or the group has vanished.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        (self.stage, self.look_at) = (Stage::Prepare, now);
    }

    pub(super) fn is_readable(&self, now: Instant, connected: Instant) -> bool {
        !self.owned.draining && self.owned.holds(now) && self.owned.confirmed_since(connected)
    }

    /// Whether what is published from now on is seen, or nothing of it can be.
    pub(super) fn is_settled(&self) -> bool {
        self.owned.draining || self.unreadable || self.stage != Stage::Prepare
    }

    /// Whether new entries may be read: none that came before them waits.
    pub(super) fn reads_on(&self, now: Instant) -> bool {
        self.stage == Stage::Read && self.again.values().all(|(_, due)| *due > now)
    }

    /// How many more entries may be with this process, when the pipeline has `room` for so many.
    pub(super) fn room(&self, room: usize) -> usize {
        if self.has_suspect() { 0 } else { room.min(MAX_HELD.saturating_sub(self.held.len())) }
    }

    /// Whether an entry is in flight that never got a verdict though it was delivered again and again.
    pub(super) fn has_suspect(&self) -> bool {
        self.held.values().any(|deliveries| *deliveries >= SUSPECT)
    }

    /// Whether something is to be done before `then`, be there news or not.
    pub(super) fn is_due(&self, then: Instant) -> bool {
        match self.stage {
            _ if self.owned.draining => !self.drained,
            Stage::Prepare => self.look_at <= then,
            Stage::Claim(..) => true,
            Stage::Read => !self.reads_on(then),
        }
    }

    /// Whether it is to be given up and has no entry in flight any more; told once.
    pub(super) fn has_drained(&mut self) -> bool {
        let drained = self.owned.draining && !self.drained && self.held.is_empty();
        self.drained |= drained;
        drained
    }

    /// Entries that stay with this process when the stream does not.
    pub(super) fn into_held(self) -> Held {
        self.held
    }

    /// An entry is acknowledged, or another process's.
    pub(super) fn let_go(&mut self, id: FrameId) {
        self.held.remove(&id);
    }

    /// An entry is to be delivered again; `counted` when this time counts as one of its deliveries.
    pub(super) fn take_back(
        &mut self,
        id: FrameId,
        counted: bool,
        reading: &Reading,
        now: Instant,
        events: &mut Vec<SourceEvent>,
    ) {
        let Some(deliveries) = self.held.remove(&id).filter(|_| !self.owned.draining) else {
            return;
        };
        if counted && deliveries >= reading.max_deliveries {
            self.give_up(id, deliveries, reading, events);
        } else {
            self.again.insert(id, (deliveries + u64::from(counted), now + AGAIN_AFTER));
        }
    }

    /// Takes the entry that a read has waited for, and as many more as there is room for.
    pub(super) async fn take_news(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        entry: RawEntry,
        room: usize,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let (id, before) = (FrameId::parse(&entry.id), events.len());
        self.take(entry, 1, reading, events);
        let more =
            reading.group.more(connection, self.id().as_str(), self.room(room.saturating_sub(1))).await;
        let (entries, extent) = match more {
            Ok(more) => more,
            Err(error) => {
                // The entry itself arrived; what lies around it is found out with the next one.
                self.position.iter_mut().zip(id).for_each(|(position, id)| position.pass(id));
                return Err(error);
            }
        };
        let delivered: Vec<_> =
            id.into_iter().chain(entries.iter().filter_map(|entry| FrameId::parse(&entry.id))).collect();
        entries.into_iter().for_each(|entry| self.take(entry, 1, reading, events));
        let mut position = self.position.unwrap_or_default();
        if position.is_of_another(delivered.len(), extent) {
            position = GroupPosition { last: FrameId::default(), ordinal: Some(0) };
            events.insert(before, SourceEvent::Restarted(self.id().clone()));
        }
        self.advance(connection, reading, position, &delivered, extent, events).await
    }

    /// Moves on from `position` past what was delivered, and tells what was trimmed.
    async fn advance(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        mut position: GroupPosition,
        delivered: &[FrameId],
        extent: Extent,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let trimmed = position.advance(delivered, extent);
        self.position = Some(position);
        if self.owned.tenure.is_none() {
            // What lies between two entries may be with others who read through the same group.
            return Ok(());
        }
        self.missed(trimmed, events);
        if trimmed > 0 {
            reading.group.correct(connection, self.id().as_str(), position).await?;
        }
        Ok(())
    }

    /// The server refuses to read the stream, or its group has vanished; any other error is the connection's.
    pub(super) fn failed(&mut self, error: RedisError, reading: &Reading) -> RedisResult<Option<RedisError>> {
        let now = Instant::now();
        if is_refusal(&error) {
            self.unreadable = true;
            self.begin_anew(now + reading.refused_pause);
            return Ok(Some(error));
        }
        if has_vanished(&error) {
            self.begin_anew(now);
            return Ok(None);
        }
        Err(error)
    }

    fn is_here(&self, id: FrameId) -> bool {
        self.held.contains_key(&id) || self.again.contains_key(&id)
    }

    fn take(&mut self, entry: RawEntry, delivery: u64, reading: &Reading, events: &mut Vec<SourceEvent>) {
        let (stream, lease) = (self.id().clone(), self.owned.lease().cloned());
        let parsed = entry::parse(&stream, &entry.id, &entry.fields);
        // Redis writes no identifier that is none.
        let Some(id) = FrameId::parse(&entry.id).filter(|id| !self.is_here(*id)) else {
            return;
        };
        self.held.insert(id, delivery);
        events.push(match parsed {
            Ok(frame) => {
                let receipt = Receipt::new(stream, id, reading.receipts.clone());
                SourceEvent::Frame(Frame { lease, receipt: Some(receipt), ..frame })
            }
            Err(error) => {
                self.acknowledge(id, reading);
                SourceEvent::Invalid { stream, id: entry.id, reason: error.to_string() }
            }
        });
    }

    fn give_up(&mut self, id: FrameId, deliveries: u64, reading: &Reading, events: &mut Vec<SourceEvent>) {
        self.held.insert(id, deliveries);
        self.acknowledge(id, reading);
        events.push(SourceEvent::Poison { stream: self.id().clone(), id, deliveries });
    }

    fn acknowledge(&self, id: FrameId, reading: &Reading) {
        let settled = Settled { stream: self.id().clone(), id, outcome: Outcome::Acknowledge };
        // Unless the process ends, somebody acknowledges.
        let _ = reading.receipts.send(settled);
    }

    fn missed(&self, trimmed: u64, events: &mut Vec<SourceEvent>) {
        if trimmed > 0 {
            let stream = self.id().clone();
            events.push(SourceEvent::Missed { stream, reason: DropReason::Trimmed, frames: trimmed });
        }
    }
}

#[cfg(test)]
mod tests;
