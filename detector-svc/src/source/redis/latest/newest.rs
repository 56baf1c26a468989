//! The newest entry of a stream together with its counters, read in one step so that they agree.

use std::sync::LazyLock;

use redis::{FromRedisValue as _, RedisResult, Script, Value, aio::ConnectionLike};

use crate::{frame::FrameId, source::redis::reply::RawEntry};

/// Answers `{entries-added, length, newest entry or nil}`: nil when the newest is the one given already, so that
/// no image travels twice. `entries-added` is -1 before Redis 7.
static NEWEST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, false} end
         local info, field = redis.call('XINFO', 'STREAM', KEYS[1]), {}
         for i = 1, #info, 2 do field[info[i]] = info[i + 1] end
         local newest = field['last-entry']
         if newest and newest[1] == ARGV[1] then newest = false end
         return {field['entries-added'] or -1, field['length'], newest or false}",
    )
});

/// A stream at one moment.
#[derive(Debug)]
pub(super) struct Newest {
    /// Entries ever added to the stream; `None` when the server does not tell.
    pub(super) added: Option<u64>,
    /// Entries in the stream.
    pub(super) length: u64,
    /// Its newest entry, unless it is the one known already.
    pub(super) entry: Option<RawEntry>,
}

/// Reads a stream's newest entry unless it is `known`.
pub(super) async fn newest(
    connection: &mut impl ConnectionLike,
    stream: &str,
    known: Option<FrameId>,
) -> RedisResult<Newest> {
    let known = known.map_or_else(String::new, |id| id.to_string());
    let (added, length, entry): (i64, u64, Value) =
        NEWEST.key(stream).arg(known).invoke_async(connection).await?;
    let entry = match entry {
        Value::Nil => None,
        value => Some(RawEntry::from_redis_value(value)?),
    };
    Ok(Newest { added: u64::try_from(added).ok(), length, entry })
}
