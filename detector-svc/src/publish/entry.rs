//! Adding an entry to a stream; one of a stream that is owned only while it still is.

use redis::{Cmd, RedisResult, Value};

use crate::{ownership::OwnershipKeys, pipeline::FrameOrigin};

/// How long it is known which frame of a stream was the last published, in seconds: longer than any replica is away.
const REMEMBERED_SECONDS: u32 = 86_400;

/// Checks the lease and adds the entry in one step, so that an owner that was paused and has lost its stream cannot
/// publish any more; notes which frame it is of, so that the next owner does not publish it again.
///
/// Keys: lease, last frame published, stream to add to. Arguments: token of the lease, frame, seconds to remember it (0:
/// not at all), entries to keep, then fields and values. Answers the entry's identifier, or nil without the lease.
const ADD_IF_OWNED: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local id = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5))
if ARGV[3] ~= '0' then redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
return id";

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is in the stream.
    Yes,
    /// It is not: the frame's stream is another replica's now.
    NotOwned,
}

/// The command that adds an entry of `frame` to `stream`, which keeps about `keep` entries; `remembered` when whoever owns
/// the frame's stream next goes on after it.
pub(super) fn add_of_frame(
    keys: &OwnershipKeys,
    frame: &FrameOrigin,
    stream: &str,
    keep: usize,
    remembered: bool,
    fields: Vec<(&'static str, String)>,
) -> Cmd {
    let Some(lease) = &frame.lease else {
        return add(stream, "~", keep, fields);
    };
    // The whole script each time: one that a restarted server does not know by its hash would fail.
    let mut command = redis::cmd("EVAL");
    command.arg(ADD_IF_OWNED).arg(3);
    command.arg(keys.lease(frame.stream.as_str())).arg(keys.published(frame.stream.as_str())).arg(stream);
    let seconds = if remembered { REMEMBERED_SECONDS } else { 0 };
    command.arg(lease.as_str()).arg(frame.id.to_string()).arg(seconds).arg(keep).arg(fields);
    command
}

/// The command that adds an entry to a stream, which keeps `keep` entries, `trim` being `=` exactly or `~` about.
pub(super) fn add(stream: &str, trim: &str, keep: usize, fields: Vec<(&'static str, String)>) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("MAXLEN").arg(trim).arg(keep).arg("*").arg(fields);
    command
}

/// Reads the reply to [`add_of_frame`].
pub(super) fn added(reply: RedisResult<Value>) -> RedisResult<Added> {
    reply.map(|value| match value {
        Value::Nil => Added::NotOwned,
        _ => Added::Yes,
    })
}
