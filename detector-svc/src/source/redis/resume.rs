//! Where an earlier run of the detector got to: the detections that it published tell.

use std::collections::HashMap;

use redis::{RedisResult, aio::ConnectionLike};

use super::reply::RawEntry;
use crate::frame::{FrameId, StreamId};

/// Published entries looked at: as many as the stream of detections usually keeps.
const LOOK_BACK: usize = 500;

/// The newest frame of each stream that `output` has detections of. So a restart publishes no frame twice.
pub(super) async fn last_published(
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
