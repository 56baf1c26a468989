//! Leases and the list of replicas in Redis. Times are the server's, so that no two replicas need the same clock.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use redis::{RedisResult, Script, Value, aio::ConnectionLike};

use super::OwnershipKeys;
use crate::frame::{Lease, StreamId};

/// Says that a replica is alive, prolongs the leases that are its own, and answers `{replicas, tokens}`: who else is
/// alive, and who has each stream (empty: nobody).
static ROUND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = redis.call('TIME')
         local milliseconds = now[1] * 1000 + math.floor(now[2] / 1000)
         redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', milliseconds)
         -- Nobody is alive for longer than the longest lease, but for a clock that was set back.
         redis.call('ZREMRANGEBYSCORE', KEYS[1], milliseconds + 61000, '+inf')
         redis.call('ZADD', KEYS[1], milliseconds + ARGV[2], ARGV[1])
         local tokens = {}
         for i = 2, #KEYS do
           local token = redis.call('GET', KEYS[i]) or ''
           if token ~= '' and token == ARGV[i + 1] then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
           tokens[i - 1] = token
         end
         return {redis.call('ZRANGE', KEYS[1], 0, -1), tokens}",
    )
});

/// Gives up the leases that are the caller's own still.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local released = 0
         for i, key in ipairs(KEYS) do
           if redis.call('GET', key) == ARGV[i] then released = released + redis.call('DEL', key) end
         end
         return released",
    )
});

/// What a replica sees of the others.
#[derive(Debug)]
pub(super) struct Seen {
    /// Those that are alive, in the order of their names.
    pub(super) replicas: Vec<String>,
    /// The token of each stream's owner; empty when it has none.
    pub(super) tokens: Vec<String>,
}

/// One replica's access to the leases.
#[derive(Debug)]
pub(super) struct Leases {
    pub(super) keys: OwnershipKeys,
    pub(super) replica: String,
    /// How long a lease holds.
    pub(super) term: Duration,
}

impl Leases {
    /// Says that this replica is alive, prolongs what it has (`held`) and looks at all `streams`.
    pub(super) async fn round(
        &self,
        connection: &mut impl ConnectionLike,
        streams: &[StreamId],
        held: &HashMap<StreamId, Lease>,
    ) -> RedisResult<Seen> {
        let mut call = ROUND.prepare_invoke();
        call.key(self.keys.replicas()).arg(&self.replica).arg(self.term_millis());
        for stream in streams {
            call.key(self.keys.lease(stream.as_str())).arg(held.get(stream).map_or("", Lease::as_str));
        }
        let (mut replicas, tokens): (Vec<String>, Vec<String>) = call.invoke_async(connection).await?;
        replicas.sort_unstable();
        Ok(Seen { replicas, tokens })
    }

    /// Takes streams that nobody has; tells of each whether it was got.
    pub(super) async fn take(
        &self,
        connection: &mut impl ConnectionLike,
        wanted: &[(StreamId, Lease)],
    ) -> RedisResult<Vec<bool>> {
        let mut exchange = redis::pipe();
        for (stream, lease) in wanted {
            let key = self.keys.lease(stream.as_str());
            exchange.cmd("SET").arg(key).arg(lease.as_str()).arg("NX").arg("PX").arg(self.term_millis());
        }
        exchange.ignore_errors();
        let replies: Vec<RedisResult<Value>> = exchange.query_async(connection).await?;
        let mut refused = None;
        let taken = replies.into_iter().map(|reply| match reply {
            Ok(reply) => reply != Value::Nil,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        let taken: Vec<bool> = taken.collect();
        match refused {
            Some(error) if !taken.contains(&true) => Err(error),
            _ => Ok(taken),
        }
    }

    /// Gives streams up.
    pub(super) async fn release(
        &self,
        connection: &mut impl ConnectionLike,
        streams: &[(StreamId, Lease)],
    ) -> RedisResult<u64> {
        if streams.is_empty() {
            return Ok(0);
        }
        let mut call = RELEASE.prepare_invoke();
        for (stream, lease) in streams {
            call.key(self.keys.lease(stream.as_str())).arg(lease.as_str());
        }
        call.invoke_async(connection).await
    }

    /// Says that this replica is gone, so that the others share its streams at once.
    pub(super) async fn leave(&self, connection: &mut impl ConnectionLike) -> RedisResult<()> {
        redis::cmd("ZREM").arg(self.keys.replicas()).arg(&self.replica).query_async(connection).await
    }

    fn term_millis(&self) -> u64 {
        self.term.as_millis() as u64
    }
}
