//! One consumer group's commands. Each step that has to see a stream at one moment is a script.

use std::{sync::LazyLock, time::Duration};

use redis::{FromRedisValue, RedisResult, Script, Value, aio::ConnectionLike, from_redis_value};

use super::position::{Extent, GroupPosition};
use crate::{frame::FrameId, source::redis::reply::RawEntry};

/// Pending entries that one step looks at.
const PENDING_PAGE: usize = 100;

/// Finds or makes the group. Answers nothing when the stream is not there and should not be made; else `{made,
/// last-delivered-id, entries-read, entries-added, length, first entry, last-generated-id}`. A group that is made begins
/// after the entry `ARGV[3]`, number `ARGV[4]`, if the stream has that still, else with all there is.
static PREPARE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key, group = KEYS[1], ARGV[1]
         local exists = redis.call('EXISTS', key) == 1
         if not exists and ARGV[2] == '' then return false end
         local function fields(list)
           local named = {}
           for i = 1, #list, 2 do named[list[i]] = list[i + 1] end
           return named
         end
         local function find()
           for _, list in ipairs(redis.call('XINFO', 'GROUPS', key)) do
             local found = fields(list)
             if found['name'] == group then return found end
           end
         end
         local found, made = exists and find() or nil, 0
         if not found then
           local after = '0'
           if exists and ARGV[3] ~= '' and #redis.call('XRANGE', key, ARGV[3], ARGV[3]) > 0 then after = ARGV[3] end
           if after ~= '0' and ARGV[4] ~= '' then
             redis.call('XGROUP', 'CREATE', key, group, after, 'ENTRIESREAD', ARGV[4])
           else
             redis.call('XGROUP', 'CREATE', key, group, after, 'MKSTREAM')
           end
           found, made = find(), 1
         end
         local info = fields(redis.call('XINFO', 'STREAM', key))
         local first = info['first-entry']
         return {made, found['last-delivered-id'], found['entries-read'] or -1, info['entries-added'] or -1,
                 info['length'], first and first[1] or '', info['last-generated-id']}",
    )
});

/// Reads on, up to `ARGV[3]` entries, and answers `{entries-added, length, first entry, entries}`.
static MORE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local entries = {}
         if tonumber(ARGV[3]) > 0 then
           local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
           if read then entries = read[1][2] end
         end
         local info, field = redis.call('XINFO', 'STREAM', KEYS[1]), {}
         for i = 1, #info, 2 do field[info[i]] = info[i + 1] end
         local first = field['first-entry']
         return {field['entries-added'] or -1, field['length'], first and first[1] or '', entries}",
    )
});

/// Makes a page of pending entries this consumer's without delivering them, and answers `{cursor, {{entry, deliveries},
/// …}, trimmed entries}`.
static PENDING: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key, group = KEYS[1], ARGV[1]
         local page = redis.call('XAUTOCLAIM', key, group, ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5], 'JUSTID')
         local pending = {}
         for i, id in ipairs(page[2]) do
           local found = redis.call('XPENDING', key, group, id, id, 1)
           pending[i] = {id, found[1] and found[1][4] or 0}
         end
         return {page[1], pending, page[3] or {}}",
    )
});

/// Delivers pending entries, the second of each pair of arguments being the number of this delivery. Answers for each
/// the entry, or 0 when it is not this consumer's any more, or 1 when it was trimmed.
static DELIVER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key, group, delivered = KEYS[1], ARGV[1], {}
         for i = 3, #ARGV, 2 do
           local pending = redis.call('XPENDING', key, group, ARGV[i], ARGV[i], 1, ARGV[2])
           local entries = {}
           if pending[1] then
             entries = redis.call('XCLAIM', key, group, ARGV[2], 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1])
           end
           delivered[#delivered + 1] = entries[1] or #pending
         end
         return delivered",
    )
});

/// Removes consumers other than `ARGV[2]` that have nothing pending and were idle for `ARGV[3]` milliseconds.
static TIDY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for _, list in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
           local consumer = {}
           for i = 1, #list, 2 do consumer[list[i]] = list[i + 1] end
           if consumer['pending'] == 0 and consumer['name'] ~= ARGV[2] and consumer['idle'] >= tonumber(ARGV[3]) then
             redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
           end
         end",
    )
});

/// Notes the true number of the last entry delivered, where the server took a gap for one step.
static CORRECT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for _, list in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
           local found = {}
           for i = 1, #list, 2 do found[list[i]] = list[i + 1] end
           if found['name'] == ARGV[1] and found['last-delivered-id'] == ARGV[2] then
             redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2], 'ENTRIESREAD', ARGV[3])
           end
         end",
    )
});

/// A group, and which of its consumers this process is.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) consumer: String,
}

/// A group as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    /// Whether it had to be made.
    pub(super) made: bool,
    /// How far it has read, as the server counts.
    pub(super) position: GroupPosition,
    pub(super) extent: Extent,
    /// The newest entry that the stream ever had.
    pub(super) newest: FrameId,
}

/// A page of entries that were delivered and not acknowledged.
#[derive(Debug)]
pub(super) struct Pending {
    /// Where the next page begins; `None` after the last one.
    pub(super) cursor: Option<String>,
    /// Entries, and how often each was delivered.
    pub(super) entries: Vec<(FrameId, u64)>,
    /// How many were trimmed meanwhile.
    pub(super) trimmed: u64,
}

/// An entry that was to be delivered again.
#[derive(Debug)]
pub(super) enum Delivered {
    Entry(RawEntry),
    /// Somebody acknowledged or claimed it.
    Gone,
    /// It is not there any more.
    Trimmed,
}

impl Group {
    /// The command that reads one entry of each stream, or waits for one.
    pub(super) fn read(&self, streams: &[String], block: Option<Duration>) -> redis::Cmd {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.name).arg(&self.consumer).arg("COUNT").arg(1);
        if let Some(block) = block {
            command.arg("BLOCK").arg(block.as_millis() as u64);
        }
        command.arg("STREAMS").arg(streams).arg(vec![">"; streams.len()]);
        command
    }

    /// Finds the group of a stream, or makes it, and the stream itself with `make_stream`; a group that has vanished goes
    /// on from `last`. `None` when there is no such stream.
    pub(super) async fn prepare(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        make_stream: bool,
        last: Option<GroupPosition>,
    ) -> RedisResult<Option<Prepared>> {
        let ordinal =
            last.and_then(|last| last.ordinal).map_or_else(String::new, |ordinal| ordinal.to_string());
        let after = last.map_or_else(String::new, |last| last.last.to_string());
        let make = if make_stream { "1" } else { "" };
        let mut call = PREPARE.key(stream);
        call.arg(&self.name).arg(make).arg(after).arg(ordinal);
        let found: Option<(u8, String, i64, i64, u64, String, String)> =
            call.invoke_async(connection).await?;
        Ok(found.map(|(made, last, read, added, length, first, newest)| Prepared {
            made: made == 1,
            position: GroupPosition { last: id(&last), ordinal: u64::try_from(read).ok() },
            extent: Extent { added: u64::try_from(added).ok(), length, first: FrameId::parse(&first) },
            newest: id(&newest),
        }))
    }

    /// Reads up to `most` more entries, and what else tells how many were trimmed.
    pub(super) async fn more(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        most: usize,
    ) -> RedisResult<(Vec<RawEntry>, Extent)> {
        let mut call = MORE.key(stream);
        call.arg(&self.name).arg(&self.consumer).arg(most);
        let (added, length, first, entries): (i64, u64, String, Vec<RawEntry>) =
            call.invoke_async(connection).await?;
        let extent = Extent { added: u64::try_from(added).ok(), length, first: FrameId::parse(&first) };
        Ok((entries, extent))
    }

    /// Makes pending entries this consumer's that were not delivered for `idle`, a page at a time from `cursor`.
    pub(super) async fn pending(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        idle: Duration,
        cursor: &str,
    ) -> RedisResult<Pending> {
        let mut call = PENDING.key(stream);
        call.arg(&self.name).arg(&self.consumer).arg(idle.as_millis() as u64).arg(cursor).arg(PENDING_PAGE);
        let (next, entries, trimmed): (String, Vec<(String, u64)>, Vec<String>) =
            call.invoke_async(connection).await?;
        Ok(Pending {
            cursor: Some(next).filter(|next| next != "0-0"),
            entries: entries.iter().map(|(entry, deliveries)| (id(entry), *deliveries)).collect(),
            trimmed: trimmed.len() as u64,
        })
    }

    /// Delivers entries once more, as the given delivery of each.
    pub(super) async fn deliver(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        entries: &[(FrameId, u64)],
    ) -> RedisResult<Vec<Delivered>> {
        let mut call = DELIVER.key(stream);
        call.arg(&self.name).arg(&self.consumer);
        for (entry, delivery) in entries {
            call.arg(entry.to_string()).arg(*delivery);
        }
        call.invoke_async(connection).await
    }

    /// Has entries pending again that a group which vanished had delivered.
    pub(super) async fn restore(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        entries: &[(FrameId, u64)],
    ) -> RedisResult<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut exchange = redis::pipe();
        for (entry, deliveries) in entries {
            let claim = exchange.cmd("XCLAIM").arg(stream).arg(&self.name).arg(&self.consumer).arg(0);
            claim
                .arg(entry.to_string())
                .arg("RETRYCOUNT")
                .arg(*deliveries)
                .arg("FORCE")
                .arg("JUSTID")
                .ignore();
        }
        exchange.query_async(connection).await
    }

    /// Removes consumers that have nothing pending and were idle for so long.
    pub(super) async fn tidy(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        idle: Duration,
    ) -> RedisResult<()> {
        let mut call = TIDY.key(stream);
        call.arg(&self.name).arg(&self.consumer).arg(idle.as_millis() as u64).invoke_async(connection).await
    }

    /// Notes how many entries the group has read, trimmed ones included: whoever reads on counts from there.
    pub(super) async fn correct(
        &self,
        connection: &mut impl ConnectionLike,
        stream: &str,
        position: GroupPosition,
    ) -> RedisResult<()> {
        let Some(ordinal) = position.ordinal else {
            return Ok(());
        };
        let mut call = CORRECT.key(stream);
        call.arg(&self.name).arg(position.last.to_string()).arg(ordinal).invoke_async(connection).await
    }
}

impl FromRedisValue for Delivered {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        match value {
            Value::Int(0) => Ok(Self::Gone),
            Value::Int(_) => Ok(Self::Trimmed),
            entry => Ok(Self::Entry(from_redis_value(entry)?)),
        }
    }
}

/// Redis writes no identifier that is none.
fn id(text: &str) -> FrameId {
    FrameId::parse(text).unwrap_or_default()
}
