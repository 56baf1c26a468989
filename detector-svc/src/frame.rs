//! A camera frame on its way through the pipeline, before anything of it is decoded.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::ledger::Receipt;

/// Name of the stream a frame came from: a Redis key, or [`StreamId::DETECT`] for gRPC callers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// Stream name under which images of `Detect` callers are accounted for.
    pub const DETECT: &'static str = "detect";

    /// Names a stream.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Redis stream entry identifier, `<milliseconds>-<sequence>`; ordered as Redis orders entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId {
    /// Milliseconds since the Unix epoch at which Redis took the entry.
    pub milliseconds: u64,
    /// Number of the entry within that millisecond.
    pub sequence: u64,
}

impl FrameId {
    /// Parses `<milliseconds>-<sequence>`; `None` when the text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (milliseconds, sequence) = text.split_once('-')?;
        Some(Self { milliseconds: milliseconds.parse().ok()?, sequence: sequence.parse().ok()? })
    }
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

/// Arrangement of a raw pixel buffer: row-major, one byte a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLayout {
    /// One grey channel.
    Grey,
    /// Blue, green, red.
    Bgr,
    /// Blue, green, red, alpha; alpha is ignored.
    Bgra,
}

impl RawLayout {
    /// The layout with this many channels; `None` unless 1, 3 or 4.
    #[must_use]
    pub fn from_channels(channels: u32) -> Option<Self> {
        match channels {
            1 => Some(Self::Grey),
            3 => Some(Self::Bgr),
            4 => Some(Self::Bgra),
            _ => None,
        }
    }

    /// Bytes a pixel.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Bgr => 3,
            Self::Bgra => 4,
        }
    }
}

/// Format of an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}

impl FileFormat {
    /// Every format read.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// Its name as stream entries have it, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

/// How the bytes of a frame become pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A file of the given format.
    File(FileFormat),
    /// A file of any of the formats, told by its first bytes.
    AnyFile,
    /// A pixel buffer of the given size.
    Raw {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Channels and their order.
        layout: RawLayout,
    },
}

/// Image bytes as they arrived.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The bytes, still base64 when `base64` is set.
    pub bytes: Bytes,
    /// Whether `bytes` is base64 text.
    pub base64: bool,
    /// What the bytes are after that.
    pub encoding: Encoding,
}

/// Pose of the robot that carries the camera: metres and radians, passed through unread.
pub type RobotPose = serde_json::Map<String, serde_json::Value>;

/// A frame's `metadata` object: the part that the pipeline uses, and the whole as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Where the camera was; published with the detections as `camera_pose`.
    pub robot_pose: Option<RobotPose>,
    /// Whether robot or camera moved, so that the pose says little about where objects are.
    pub moving: bool,
    /// How much the frame matters when not all can be looked at; 0 when nobody says, higher is more.
    pub priority: i64,
    /// The JSON object as it was written, for those who pass it on; empty when there was none.
    pub json: Bytes,
}

/// Proof that a stream is this process's to publish for, unique to each time that it was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease(Arc<str>);

impl Lease {
    /// A lease with this token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Arc::from(token))
    }

    /// The token, as Redis keeps it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One frame as a source delivers it.
#[derive(Debug)]
pub struct Frame {
    /// Where it came from.
    pub stream: StreamId,
    /// Which one it is.
    pub id: FrameId,
    /// When the camera took it, since the Unix epoch.
    pub captured: Duration,
    /// Its image.
    pub payload: Payload,
    /// What came with it.
    pub metadata: Metadata,
    /// Under which lease it was read; `None` when streams are not owned.
    pub lease: Option<Lease>,
    /// How its source learns what became of it; `None` when the source does not ask.
    pub receipt: Option<Receipt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_ids_order_as_redis_orders_entries() {
        let parse = |text| FrameId::parse(text).expect("a valid identifier");
        assert!(parse("9-5") < parse("10-0"));
        assert!(parse("10-2") < parse("10-10"));
        assert_eq!(parse("1732280000123-7").to_string(), "1732280000123-7");
    }

    #[test]
    fn text_that_is_no_frame_id_is_refused() {
        for text in ["", "1", "1-", "-1", "a-1", "1-2-3"] {
            assert_eq!(FrameId::parse(text), None, "{text}");
        }
    }
}
