//! Entries as Redis replies with them, moved out of the reply without copying the image.

use bytes::Bytes;
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};

use super::entry::Fields;

/// An entry whose fields are not looked at yet.
#[derive(Clone, Debug)]
pub(super) struct RawEntry {
    pub(super) id: String,
    pub(super) fields: Fields,
}

/// Entries by stream, as `XREAD` replies; empty when it timed out.
#[derive(Debug)]
pub(super) struct ReadReply(pub(super) Vec<(String, Vec<RawEntry>)>);

impl FromRedisValue for RawEntry {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, fields): (String, Vec<Value>) = from_redis_value(value)?;
        let mut fields = fields.into_iter();
        let mut named = Fields::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            named.insert(from_redis_value(name)?, bytes(value)?);
        }
        Ok(Self { id, fields: named })
    }
}

impl FromRedisValue for ReadReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Nil => Ok(Self(Vec::new())),
            value => Ok(Self(from_redis_value(value)?)),
        }
    }
}

fn bytes(value: Value) -> Result<Bytes, ParsingError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes.into()),
        other => Ok(from_redis_value::<Vec<u8>>(other)?.into()),
    }
}
