//! Where another replica or an earlier run of the detector got to.

use std::collections::HashMap;

use redis::{RedisResult, aio::ConnectionLike};

use crate::{
    frame::{FrameId, StreamId},
    ownership::OwnershipKeys,
    redis_client::is_refusal,
    source::redis::reply::RawEntry,
};

/// Published entries looked at: as many as the stream of detections usually keeps.
const LOOK_BACK: usize = 500;

/// What was published of each stream, so that no frame is published twice.
#[derive(Debug)]
pub(super) struct Published {
    keys: OwnershipKeys,
    /// The stream of detections.
    output: String,
    /// What its newest entries tell, when they were asked.
    entries: Option<HashMap<StreamId, FrameId>>,
}

impl Published {
    /// What was published to the stream `output`.
    pub(super) fn new(output: &str) -> Self {
        Self { keys: OwnershipKeys::new(output), output: output.to_owned(), entries: None }
    }

    /// Has everything asked anew.
    pub(super) fn forget(&mut self) {
        self.entries = None;
    }

    /// The newest frame of `stream` that detections were published of: as publishers note it, or else as the newest
    /// detections tell.
    pub(super) async fn of(
        &mut self,
        connection: &mut impl ConnectionLike,
        stream: &StreamId,
    ) -> RedisResult<Option<FrameId>> {
        let mut command = redis::cmd("GET");
        let key = self.keys.published(stream.as_str());
        let noted: Option<String> = permitted(command.arg(key).query_async(connection).await)?;
        if let Some(id) = noted.and_then(|id| FrameId::parse(&id)) {
            return Ok(Some(id));
        }
        if self.entries.is_none() {
            self.entries = Some(permitted(last_published(connection, &self.output).await)?);
        }
        Ok(self.entries.as_ref().and_then(|entries| entries.get(stream).copied()))
    }
}

/// What cannot be looked at tells nothing.
fn permitted<T: Default>(answer: RedisResult<T>) -> RedisResult<T> {
    match answer {
        Err(error) if is_refusal(&error) => {
            tracing::warn!(%error, "cannot tell what was published before");
            Ok(T::default())
        }
        answer => answer,
    }
}

/// The newest frame of each stream that `output` has detections of.
async fn last_published(
    connection: &mut impl ConnectionLike,
    output: &str,
) -> RedisResult<HashMap<StreamId, FrameId>> {
    let mut command = redis::cmd("XREVRANGE");
    let entries: Vec<RawEntry> =
        command.arg(output).arg("+").arg("-").arg("COUNT").arg(LOOK_BACK).query_async(connection).await?;
    let mut last = HashMap::new();
    for (stream, id) in entries.iter().filter_map(source_of) {
        let newest = last.entry(stream).or_insert(id);
        *newest = id.max(*newest);
    }
    Ok(last)
}

fn source_of(entry: &RawEntry) -> Option<(StreamId, FrameId)> {
    let field = |name: &str| std::str::from_utf8(entry.fields.get(name.as_bytes())?).ok();
    Some((StreamId::new(field("source_stream")?), FrameId::parse(field("frame_id")?)?))
}
