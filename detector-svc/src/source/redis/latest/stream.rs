//! One camera stream: where it stands, and reading on from there.

use std::time::{Duration, Instant};

use redis::{RedisResult, aio::ConnectionLike};

use super::{
    newest::{Newest, newest},
    position::{Counters, Gap, Position, Standing},
};
use crate::{
    frame::{Frame, FrameId, StreamId},
    ledger::DropReason,
    ownership::Owned,
    redis_client::RedisMetrics,
    source::{
        SourceEvent,
        redis::{entry, portion::Assigned, reply::RawEntry},
    },
};

/// How long a stream may be without news before it is looked at: one that was deleted and begun again with lower
/// identifiers never has any.
const QUIET: Duration = Duration::from_secs(1);

/// One stream and how far it was read.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) owned: Owned,
    /// `None` before the first look.
    position: Option<Position>,
    /// Whether it was taken over since the last look: somebody else may have read on.
    taken_over: bool,
    /// When it is looked at again, unless news comes first.
    look_at: Instant,
    /// Whether the server refuses to read it.
    refused: bool,
    /// Whether it was told that nothing of it is in flight any more.
    drained: bool,
}

impl Assigned for Stream {
    fn id(&self) -> &StreamId {
        &self.owned.stream.id
    }

    fn go_on(&mut self, owned: Owned, now: Instant) {
        if owned.lease() != self.owned.lease() {
            (self.taken_over, self.drained) = (true, false);
            self.look_at = now;
        }
        self.owned = owned;
    }
}

impl Stream {
    pub(super) fn new(owned: Owned, now: Instant) -> Self {
        Self { owned, position: None, taken_over: true, look_at: now, refused: false, drained: false }
    }

    /// Whether the stream may be read at `now` over a connection that is open since `connected`.
    pub(super) fn is_readable(&self, now: Instant, connected: Instant) -> bool {
        !self.owned.draining && self.owned.holds(now) && self.owned.confirmed_since(connected)
    }

    /// Whether it is to be given up and that is not done.
    pub(super) fn is_draining(&self) -> bool {
        self.owned.draining && !self.drained
    }

    /// It was told that nothing of the stream is in flight any more.
    pub(super) fn has_drained(&mut self) {
        self.drained = true;
    }

    /// Whether it was looked at since it was taken over, or cannot be.
    pub(super) fn is_settled(&self) -> bool {
        self.owned.draining || self.refused || !self.taken_over
    }

    /// Whether somebody else may have published frames of it since it was looked at.
    pub(super) fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// Whether it is time for [`Stream::look`].
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.look_at
    }

    /// Where reading goes on; `None` while the stream cannot be read.
    pub(super) fn read_after(&self) -> Option<FrameId> {
        let position = self.position.filter(|_| !self.refused)?;
        Some(position.last().unwrap_or_default())
    }

    /// Has the stream looked at again at once.
    pub(super) fn suspect(&mut self, now: Instant) {
        self.look_at = now;
    }

    /// The connection is a new one: all may have changed meanwhile.
    pub(super) fn reconnected(&mut self, now: Instant) {
        (self.taken_over, self.look_at) = (true, now);
    }

    /// Leaves the stream alone for a while, so that the others can be read.
    pub(super) fn set_aside(&mut self, until: Instant) {
        self.refused = true;
        self.look_at = until;
    }

    /// Finds out where the stream stands. Its newest frame is news the first time, unless another replica or an earlier
    /// run has published it (`resume`); older ones are history. Later on, a stream that has begun again is.
    pub(super) async fn look(
        &mut self,
        connection: &mut impl ConnectionLike,
        resume: Option<FrameId>,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        if self.position.is_some_and(|position| position.last() < resume) {
            self.position = None;
        }
        let known = self.position.map_or(resume, |position| position.last());
        let Newest { added, length, entry } = newest(connection, self.id().as_str(), known).await?;
        let counters = Counters { added, length };
        (self.look_at, self.refused, self.taken_over) = (Instant::now() + QUIET, false, false);
        let found = entry.and_then(|entry| Some((FrameId::parse(&entry.id)?, entry)));
        match (self.position.as_mut(), found) {
            (Some(position), Some((id, entry))) => match position.standing(id) {
                Standing::Ahead => {}
                Standing::RolledBack => position.roll_back(id, counters),
                Standing::Restarted => self.deliver(id, entry, Some(counters), 0, events),
            },
            (None, Some((id, entry))) => {
                self.position = Some(Position::at(Some(id).max(resume), counters));
                if Some(id) > resume {
                    events.push(self.read(entry));
                }
            }
            (None, None) => self.position = Some(Position::at(resume, counters)),
            (Some(position), None) => position.follow_back(counters),
        }
        Ok(())
    }

    /// Delivers the newest entry of the stream, which has just told of `entry`.
    pub(super) async fn take_newest(
        &mut self,
        connection: &mut impl ConnectionLike,
        entry: RawEntry,
        metrics: &RedisMetrics,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let Some(id) = FrameId::parse(&entry.id) else {
            events.push(self.read(entry));
            return Ok(());
        };
        self.look_at = Instant::now() + QUIET;
        let started = Instant::now();
        let read = newest(connection, self.id().as_str(), Some(id)).await;
        metrics.observe(started, &read);
        let Newest { added, length, entry: newer } = match read {
            Ok(read) => read,
            Err(error) => {
                // The entry itself arrived; what lies around it is found out with the next one.
                self.deliver(id, entry, None, 0, events);
                return Err(error);
            }
        };
        let counters = Some(Counters { added, length });
        let newer = newer.and_then(|newer| Some((FrameId::parse(&newer.id)?, newer)));
        match newer.filter(|(newer_id, _)| *newer_id > id) {
            Some((newer_id, newer)) => self.deliver(newer_id, newer, counters, 1, events),
            None => self.deliver(id, entry, counters, 0, events),
        }
        Ok(())
    }

    /// Moves on to an entry and tells of the gap before it, `passed` entries of which were seen.
    fn deliver(
        &mut self,
        id: FrameId,
        entry: RawEntry,
        counters: Option<Counters>,
        passed: u64,
        events: &mut Vec<SourceEvent>,
    ) {
        let position = self.position.get_or_insert_default();
        let gap = match counters {
            Some(counters) => position.advance(id, counters, passed),
            None => position.pass(id),
        };
        let Gap { superseded, trimmed, restarted } = gap;
        if restarted {
            events.push(SourceEvent::Restarted(self.id().clone()));
        }
        for (reason, frames) in [(DropReason::Trimmed, trimmed), (DropReason::Superseded, superseded)] {
            if frames > 0 {
                events.push(SourceEvent::Missed { stream: self.id().clone(), reason, frames });
            }
        }
        events.push(self.read(entry));
    }

    fn read(&self, entry: RawEntry) -> SourceEvent {
        match entry::parse(self.id(), &entry.id, &entry.fields) {
            Ok(frame) => SourceEvent::Frame(Frame { lease: self.owned.lease().cloned(), ..frame }),
            Err(error) => {
                SourceEvent::Invalid { stream: self.id().clone(), id: entry.id, reason: error.to_string() }
            }
        }
    }
}
