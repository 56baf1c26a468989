//! The sample frames, and publishing them as a camera would.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redis::{FromRedisValue as _, Value, aio::ConnectionLike};

/// Stream that frames are published to.
pub const STREAM: &str = "robot_camera";
/// Stream that detections are read from.
pub const OBJECTS: &str = "detected_objects";
/// Entries that a camera's publisher keeps.
const MAX_LEN: usize = 5;

/// Folder of the sample frames.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("frames/vtest")
}

/// Bytes of a sample frame, named as in `0000.jpg`.
///
/// # Errors
/// There is no such frame.
pub fn read(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder().join(name);
    std::fs::read(&path).with_context(|| path.display().to_string())
}

/// Fields of an entry.
pub type Entry = Vec<(String, Vec<u8>)>;

/// The entry of a JPEG file, as redis_robot_comm publishes it.
#[must_use]
pub fn jpeg(bytes: &[u8]) -> Entry {
    let image_data = base64_simd::STANDARD.encode_to_string(bytes).into_bytes();
    entry(&[("format", "jpeg"), ("width", "768"), ("height", "576"), ("channels", "3")], image_data)
}

/// The entry of a raw pixel buffer.
#[must_use]
pub fn raw(pixels: &[u8], width: u32, height: u32, channels: u32) -> Entry {
    let image_data = base64_simd::STANDARD.encode_to_string(pixels).into_bytes();
    let (width, height, channels) = (width.to_string(), height.to_string(), channels.to_string());
    entry(&[("format", "raw"), ("width", &width), ("height", &height), ("channels", &channels)], image_data)
}

/// An entry with these fields, an image, and those that every entry has.
#[must_use]
pub fn entry(fields: &[(&str, &str)], image_data: Vec<u8>) -> Entry {
    let common =
        [("timestamp", "1732280000.5"), ("dtype", "uint8"), ("metadata", r#"{"robot_pose": {"x": 1.5}}"#)];
    let text = fields.iter().chain(&common).map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()));
    text.chain([("image_data".to_owned(), image_data)]).collect()
}

/// Publishes an entry; returns its identifier.
///
/// # Errors
/// Redis does not take it.
pub async fn publish(redis: &mut impl ConnectionLike, stream: &str, entry: &Entry) -> anyhow::Result<String> {
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("MAXLEN").arg("~").arg(MAX_LEN).arg("*").arg(entry);
    Ok(command.query_async(redis).await?)
}

/// A published entry with detections.
#[derive(Clone, Debug)]
pub struct Published {
    fields: Vec<(String, String)>,
}

impl Published {
    /// Value of a field; empty when there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// Everything published so far, oldest first.
///
/// # Errors
/// Redis does not answer.
pub async fn published(redis: &mut impl ConnectionLike) -> anyhow::Result<Vec<Published>> {
    let entries: Vec<(Value, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg(OBJECTS).arg("-").arg("+").query_async(redis).await?;
    let published = entries.into_iter().map(|(id, fields)| {
        String::from_redis_value(id)?;
        Ok(Published { fields })
    });
    published.collect()
}
