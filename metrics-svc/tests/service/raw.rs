//! A client that sends what no generated client would.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};
use tonic_prost::ProstDecoder;
use vision_proto::metrics::v1::{RecordRequest, RecordResponse};

use crate::support::in_time;

/// A `Record` call whose requests are any bytes.
pub(crate) struct RawStream {
    pub(crate) requests: mpsc::Sender<Bytes>,
    responses: Streaming<RecordResponse>,
}

impl RawStream {
    pub(crate) async fn connect(service: SocketAddr) -> Self {
        let endpoint = Channel::from_shared(format!("http://{service}")).unwrap();
        let mut call = Grpc::new(endpoint.connect().await.unwrap());
        call.ready().await.unwrap();
        let (requests, receiver) = mpsc::channel(8);
        let method = PathAndQuery::from_static("/vision.metrics.v1.MetricsService/Record");
        let request = Request::new(ReceiverStream::new(receiver));
        let responses = in_time(call.streaming(request, method, RawCodec)).await.unwrap().into_inner();
        Self { requests, responses }
    }

    /// Sends a message, and waits for what becomes of it.
    pub(crate) async fn exchange(&mut self, message: Vec<u8>) -> Result<RecordResponse, Status> {
        // The call may be over already, and its status says why.
        let _ = self.requests.send(message.into()).await;
        let response = in_time(self.responses.message()).await?;
        response.ok_or_else(|| Status::unknown("the call has ended without a status"))
    }
}

/// The message with these bytes in every place of `stand_in`, which is as long.
pub(crate) fn encode_with(request: &RecordRequest, stand_in: &str, bytes: &[u8]) -> Vec<u8> {
    assert_eq!(stand_in.len(), bytes.len());
    let mut message = request.encode_to_vec();
    for start in 0..=message.len() - bytes.len() {
        if message[start..].starts_with(stand_in.as_bytes()) {
            message[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }
    message
}

struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = RecordResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<RecordResponse>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}
