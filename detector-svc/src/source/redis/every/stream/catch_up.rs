//! What comes before new entries of a stream are read: its group, and what is pending there.

use std::time::{Duration, Instant};

use redis::{RedisResult, aio::ConnectionLike};

use super::{MAX_HELD, Reading, SUSPECT, Stage, Stream};
use crate::frame::FrameId;
use crate::source::{
    SourceEvent,
    redis::{
        every::{
            group::{Delivered, Prepared},
            position::GroupPosition,
        },
        portion::Assigned,
    },
};

/// How soon a stream that is not there is looked for again.
const QUIET: Duration = Duration::from_millis(250);

impl Stream {
    /// Whether [`Stream::catch_up`] has anything to do.
    pub(in super::super) fn is_behind(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Prepare => now >= self.look_at,
            Stage::Claim(..) => true,
            Stage::Read => self.claims_again(now) || !self.reads_on(now),
        }
    }

    /// Whether it is time to see what other consumers have left pending.
    fn claims_again(&self, now: Instant) -> bool {
        self.stage == Stage::Read && now >= self.look_at
    }

    /// Does what comes before new entries are read: finds the group, claims what is pending, delivers it again as far
    /// as there is `room`.
    pub(in super::super) async fn catch_up(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        room: usize,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let now = Instant::now();
        if self.stage == Stage::Prepare && now >= self.look_at {
            self.prepare(connection, reading, events).await?;
        }
        if self.claims_again(now) {
            self.stage = Stage::Claim(reading.claim_after, "0-0".to_owned());
        }
        if let Stage::Claim(idle, cursor) = self.stage.clone()
            && self.again.len() < MAX_HELD
        {
            self.claim(connection, reading, idle, &cursor, events).await?;
        }
        self.deliver_again(connection, reading, room, events).await
    }

    async fn prepare(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        // A stream that was read before is not made again: it may be gone for good.
        let make_stream = self.owned.stream.named && self.position.is_none();
        let id = self.id().clone();
        let name = id.as_str();
        let prepared = reading.group.prepare(connection, name, make_stream, self.position).await?;
        self.unreadable = prepared.is_none();
        let Some(prepared) = prepared else {
            self.look_at = Instant::now() + QUIET;
            return Ok(());
        };
        if prepared.made {
            let held = self.held.iter().map(|(id, deliveries)| (*id, *deliveries));
            // Those that wait to be delivered again were delivered once less.
            let again = self.again.iter().map(|(id, (delivery, _))| (*id, delivery.saturating_sub(1)));
            let pending: Vec<_> = held.chain(again).collect();
            reading.group.restore(connection, name, &pending).await?;
        }
        let position = self.placed(&prepared, events);
        self.advance(connection, reading, position, &[], prepared.extent, events).await?;
        self.stage = Stage::Claim(reading.claim_first, "0-0".to_owned());
        Ok(())
    }

    /// Where reading goes on with a group as it was found.
    fn placed(&self, prepared: &Prepared, events: &mut Vec<SourceEvent>) -> GroupPosition {
        let found = prepared.position;
        let Some(ours) = self.position else {
            // What was trimmed before anybody asked for it is nobody's.
            let from_the_start = GroupPosition { last: found.last, ordinal: prepared.extent.gone() };
            return if prepared.made { from_the_start } else { found };
        };
        if prepared.newest < ours.last || ours.is_of_another(0, prepared.extent) {
            events.push(SourceEvent::Restarted(self.id().clone()));
            return if prepared.made { GroupPosition { last: found.last, ordinal: Some(0) } } else { found };
        }
        if prepared.made || found.last == ours.last { ours } else { found }
    }

    /// Takes a page of what is pending; after the last one, reading goes on.
    async fn claim(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        idle: Duration,
        cursor: &str,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let name = self.owned.stream.id.clone();
        let page = reading.group.pending(connection, name.as_str(), idle, cursor).await?;
        self.missed(page.trimmed, events);
        let now = Instant::now();
        for (id, deliveries) in page.entries {
            if self.is_here(id) {
                continue;
            }
            if deliveries >= reading.max_deliveries {
                self.give_up(id, deliveries, reading, events);
            } else {
                self.again.insert(id, (deliveries + 1, now));
            }
        }
        self.stage = page.cursor.map_or(Stage::Read, |cursor| Stage::Claim(idle, cursor));
        if self.stage == Stage::Read {
            self.look_at = now + reading.claim_after;
            reading.group.tidy(connection, name.as_str(), idle).await?;
        }
        Ok(())
    }

    /// What is to be delivered again at `now`, each with its delivery's number. One that may be what kills the process
    /// goes after all others and alone, so that its neighbours do not count as killers, too.
    pub(super) fn due(&self, now: Instant, room: usize) -> Vec<(FrameId, u64)> {
        let due = self.again.iter().filter(|(_, (_, due))| *due <= now);
        let due = due.map(|(id, (delivery, _))| (*id, *delivery));
        let (suspects, mut due): (Vec<_>, Vec<_>) = due.partition(|(_, delivery)| *delivery >= SUSPECT);
        if due.is_empty() && self.held.is_empty() {
            due.extend(suspects.first());
        }
        due.truncate(self.room(room));
        due
    }

    async fn deliver_again(
        &mut self,
        connection: &mut impl ConnectionLike,
        reading: &Reading,
        room: usize,
        events: &mut Vec<SourceEvent>,
    ) -> RedisResult<()> {
        let due = self.due(Instant::now(), room);
        if due.is_empty() {
            return Ok(());
        }
        let delivered = reading.group.deliver(connection, self.id().as_str(), &due).await?;
        for ((id, delivery), delivered) in due.into_iter().zip(delivered) {
            self.again.remove(&id);
            match delivered {
                Delivered::Entry(entry) => self.take(entry, delivery, reading, events),
                Delivered::Gone => {}
                Delivered::Trimmed => self.missed(1, events),
            }
        }
        Ok(())
    }
}
