//! One stream entry in the format of `redis_robot_comm`, as a frame.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::frame::{Encoding, FileFormat, Frame, FrameId, Metadata, Payload, RawLayout, StreamId};

/// Most pixels along a side.
const MAX_SIDE: u32 = 10_000;
/// Capture times from this on cannot be told from garbage: the year 10000, in seconds.
const MAX_TIMESTAMP: f64 = 253_402_300_800.0;
/// Bytes of `metadata`: a pose and little else, which is passed on with the detections.
const MAX_METADATA_BYTES: usize = 64 * 1024;
/// Keys of `metadata` of which any tells that the robot or its camera moves.
const MOVING: [&str; 3] = ["is_moving", "robot_moving", "camera_moving"];
/// Bytes of a wrong value that a message repeats.
const SHOWN_BYTES: usize = 40;

/// Why an entry is no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The identifier is not `<milliseconds>-<sequence>`.
    #[error("entry identifier {0:?} is not <milliseconds>-<sequence>")]
    Identifier(String),
    /// A field is not there.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// A field has a value that the format does not allow.
    #[error("field `{field}` is {value:?}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value, cut short.
        value: String,
        /// What would be allowed.
        expected: &'static str,
    },
}

/// Fields of an entry by name.
pub type Fields = HashMap<Vec<u8>, Bytes>;

/// Reads an entry as a frame. Nothing is decoded but the fields themselves.
///
/// # Errors
/// The first field that breaks the format, with its value.
pub fn parse(stream: &StreamId, id: &str, fields: &Fields) -> Result<Frame, EntryError> {
    let id = FrameId::parse(id).ok_or_else(|| EntryError::Identifier(shown(id.as_bytes())))?;
    let bytes = fields.get(b"image_data".as_slice()).ok_or(EntryError::Missing("image_data"))?;
    let payload = Payload { bytes: bytes.clone(), base64: is_base64(fields)?, encoding: encoding(fields)? };
    Ok(Frame {
        stream: stream.clone(),
        id,
        captured: captured(fields)?.unwrap_or(Duration::from_millis(id.milliseconds)),
        payload,
        metadata: metadata(fields)?,
        lease: None,
        receipt: None,
    })
}

fn is_base64(fields: &Fields) -> Result<bool, EntryError> {
    match text(fields, "encoding", "`base64` or `binary`")? {
        None | Some("base64") => Ok(true),
        Some("binary") => Ok(false),
        Some(other) => Err(wrong("encoding", other.as_bytes(), "`base64` or `binary`")),
    }
}

fn encoding(fields: &Fields) -> Result<Encoding, EntryError> {
    const FORMATS: &str = "`jpeg`, `png`, `webp` or `raw`";
    let format = text(fields, "format", FORMATS)?.ok_or(EntryError::Missing("format"))?;
    let (width, height) = (side(fields, "width")?, side(fields, "height")?);
    let channels = number(fields, "channels", 1..=4, "1, 3 or 4")?;
    if let Some(dtype) = text(fields, "dtype", "`uint8`")?.filter(|dtype| *dtype != "uint8") {
        return Err(wrong("dtype", dtype.as_bytes(), "`uint8`"));
    }
    match format {
        "raw" => {
            let channels = channels.ok_or(EntryError::Missing("channels"))?;
            Ok(Encoding::Raw {
                width: width.ok_or(EntryError::Missing("width"))?,
                height: height.ok_or(EntryError::Missing("height"))?,
                layout: RawLayout::from_channels(channels)
                    .ok_or_else(|| wrong("channels", channels.to_string().as_bytes(), "1, 3 or 4"))?,
            })
        }
        other => {
            let known = FileFormat::ALL.into_iter().find(|known| known.as_str() == other);
            known.map(Encoding::File).ok_or_else(|| wrong("format", other.as_bytes(), FORMATS))
        }
    }
}

fn side(fields: &Fields, field: &'static str) -> Result<Option<u32>, EntryError> {
    number(fields, field, 1..=MAX_SIDE, "1 to 10000 pixels")
}

/// Seconds since the epoch; without it the identifier tells when the entry was made.
fn captured(fields: &Fields) -> Result<Option<Duration>, EntryError> {
    const EXPECTED: &str = "seconds since the epoch";
    let Some(value) = text(fields, "timestamp", EXPECTED)? else {
        return Ok(None);
    };
    let seconds = value.trim().parse().ok().filter(|seconds| (0.0..MAX_TIMESTAMP).contains(seconds));
    let captured = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    captured.map(Some).ok_or_else(|| wrong("timestamp", value.as_bytes(), EXPECTED))
}

fn metadata(fields: &Fields) -> Result<Metadata, EntryError> {
    const EXPECTED: &str = "a JSON object of at most 64 KiB";
    let Some(json) = fields.get(b"metadata".as_slice()).filter(|json| !json.is_empty()) else {
        return Ok(Metadata::default());
    };
    let entries: Option<Option<Map<String, Value>>> = Some(json)
        .filter(|json| json.len() <= MAX_METADATA_BYTES)
        .and_then(|json| serde_json::from_slice(json).ok());
    let mut entries = entries.ok_or_else(|| wrong("metadata", json, EXPECTED))?.unwrap_or_default();
    let robot_pose = match entries.remove("robot_pose") {
        None | Some(Value::Null) => None,
        Some(Value::Object(pose)) => Some(pose),
        Some(_) => return Err(wrong("metadata", json, "a JSON object whose `robot_pose` is one, too")),
    };
    Ok(Metadata {
        robot_pose,
        moving: MOVING.iter().any(|key| entries.get(*key).is_some_and(is_true)),
        priority: entries.get("priority").map_or(0, priority),
        json: json.clone(),
    })
}

/// Python writes `true`; 1 is as good.
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_f64().is_some_and(|number| number != 0.0))
}

/// Fractions are cut off; what is no number is the priority of a frame that has none.
fn priority(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64)).unwrap_or_default()
}

fn number(
    fields: &Fields,
    field: &'static str,
    range: std::ops::RangeInclusive<u32>,
    expected: &'static str,
) -> Result<Option<u32>, EntryError> {
    let Some(value) = text(fields, field, expected)? else {
        return Ok(None);
    };
    let number = value.trim().parse().ok().filter(|number| range.contains(number));
    number.map(Some).ok_or_else(|| wrong(field, value.as_bytes(), expected))
}

fn text<'a>(
    fields: &'a Fields,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<&'a str>, EntryError> {
    let value = fields
        .get(field.as_bytes())
        .map(|value| std::str::from_utf8(value).map_err(|_| wrong(field, value, expected)));
    value.transpose()
}

fn wrong(field: &'static str, value: &[u8], expected: &'static str) -> EntryError {
    EntryError::Field { field, value: shown(value), expected }
}

fn shown(value: &[u8]) -> String {
    let cut = &value[..value.len().min(SHOWN_BYTES)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < value.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
