//! The server of `vision.metrics.v1.MetricsService` that is given each [`RecordRequest`] as the bytes it came in.
//!
//! A batch carries thousands of short strings, most of them known to the server: to decode them costs more than to
//! apply the events. Only this server is generated; the client is the ordinary one of [`v1`](super::v1).
//!
//! [`RecordRequest`]: super::v1::RecordRequest

use bytes::{Buf as _, Bytes};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

use super::v1::RecordResponse;

pub use self::generated::metrics_service_server::{MetricsService, MetricsServiceServer};

/// An encoded [`RecordRequest`](super::v1::RecordRequest), decompressed and not looked at: it may be malformed.
///
/// A slice of the receive buffer, which is not used again before the slice is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecordRequest(pub Bytes);

/// Codec of `Record`: requests as they came, responses by prost.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordCodec;

impl Codec for RecordCodec {
    type Encode = RecordResponse;
    type Decode = RawRecordRequest;
    type Encoder = ProstEncoder<RecordResponse>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Decoder for RecordCodec {
    type Item = RawRecordRequest;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let bytes = message.copy_to_bytes(message.remaining());
        Ok(Some(RawRecordRequest(bytes)))
    }
}

#[expect(unreachable_pub, reason = "generated code")]
#[expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated code")]
#[expect(clippy::default_constructed_unit_structs, reason = "generated code")]
mod generated {
    tonic::include_proto!("vision.metrics.v1.MetricsService");
}
