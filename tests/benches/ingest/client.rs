//! Streams of batches that are encoded already.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bytes::{BufMut as _, Bytes};
use prost::{Message as _, encoding};
use tokio::{
    sync::mpsc::{self, Sender},
    time::{Instant, interval},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Endpoint,
};
use tonic_prost::ProstDecoder;
use vision_proto::metrics::v1::{Producer, RecordResponse};

use crate::load::Load;

/// Batches that may wait for their acknowledgement.
pub(crate) const WINDOW: u64 = 32;
/// Field number of `RecordRequest.sequence`.
const SEQUENCE: u32 = 2;

/// One batch on its way: an encoded `RecordRequest` that gets its number when it is sent.
#[derive(Debug)]
struct Numbered {
    batch: Bytes,
    sequence: u64,
}

#[derive(Debug, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Numbered;
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
    type Item = Numbered;
    type Error = Status;

    fn encode(&mut self, item: Numbered, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item.batch);
        // Fields may come in any order.
        encoding::uint64::encode(SEQUENCE, &item.sequence, buffer);
        Ok(())
    }
}

/// One producer's stream, on a connection of its own.
#[derive(Debug)]
pub(crate) struct Stream {
    requests: Sender<Numbered>,
    responses: Streaming<RecordResponse>,
    sent: u64,
    acknowledged: u64,
}

impl Stream {
    /// Opens a stream of a producer that nobody has seen, and has what the load begins with applied.
    pub(crate) async fn open(server: SocketAddr, load: &Load) -> Result<Self> {
        static PRODUCERS: AtomicU64 = AtomicU64::new(0);
        let (requests, receiver) = mpsc::channel(WINDOW as usize);
        let mut opening = load.opening.clone();
        let id = format!("producer-{}", PRODUCERS.fetch_add(1, Relaxed));
        opening.producer = Some(Producer { id, epoch: 1 });
        requests.send(Numbered { batch: opening.encode_to_vec().into(), sequence: 0 }).await?;
        let channel = Endpoint::from_shared(format!("http://{server}"))?.tcp_nodelay(true).connect().await?;
        let mut client = Grpc::new(channel);
        client.ready().await?;
        let path = PathAndQuery::from_static("/vision.metrics.v1.MetricsService/Record");
        let request = Request::new(ReceiverStream::new(receiver));
        let responses = client.streaming(request, path, RawCodec).await?.into_inner();
        let mut stream = Self { requests, responses, sent: 0, acknowledged: 0 };
        stream.response().await?;
        Ok(stream)
    }

    /// Sends every batch once.
    pub(crate) async fn send_all(&mut self, load: &Load) -> Result<()> {
        let end = self.sent + load.batches.len() as u64;
        self.send_while(load, |stream| stream.sent < end).await.map(drop)
    }

    /// Sends batches until `deadline`, the window always full, and waits for their acknowledgements. Returns how many
    /// there were.
    pub(crate) async fn send_until(&mut self, load: &Load, deadline: Instant) -> Result<u64> {
        self.send_while(load, |_| Instant::now() < deadline).await
    }

    async fn send_while(&mut self, load: &Load, more: impl Fn(&Self) -> bool) -> Result<u64> {
        let start = self.sent;
        loop {
            while self.sent - self.acknowledged < WINDOW && more(self) {
                self.send(load).await?;
            }
            if self.sent == self.acknowledged {
                return Ok(self.sent - start);
            }
            self.response().await?;
        }
    }

    /// Sends a batch every `pause` for as long as `duration`; returns for each how long it took to be acknowledged.
    pub(crate) async fn send_evenly(
        &mut self,
        load: &Load,
        pause: Duration,
        duration: Duration,
    ) -> Result<Vec<Duration>> {
        let (mut times, mut latencies) = (VecDeque::new(), Vec::new());
        let mut pauses = interval(pause);
        let end = Instant::now() + duration;
        while Instant::now() < end || !times.is_empty() {
            tokio::select! {
                _ = pauses.tick(), if Instant::now() < end => {
                    times.push_back(Instant::now());
                    self.send(load).await?;
                }
                received = self.responses.message() => {
                    self.acknowledge(&received?.context("the stream has ended")?)?;
                    let answered = times.len() as u64 - (self.sent - self.acknowledged);
                    latencies.extend(times.drain(..answered as usize).map(|time: Instant| time.elapsed()));
                }
            }
        }
        Ok(latencies)
    }

    async fn send(&mut self, load: &Load) -> Result<()> {
        let batch = load.batches[self.sent as usize % load.batches.len()].clone();
        self.sent += 1;
        Ok(self.requests.send(Numbered { batch, sequence: self.sent }).await?)
    }

    async fn response(&mut self) -> Result<()> {
        let response = self.responses.message().await?.context("the stream has ended")?;
        self.acknowledge(&response)
    }

    fn acknowledge(&mut self, response: &RecordResponse) -> Result<()> {
        ensure!(response.rejections.is_empty(), "rejected: {:?}", response.rejections[0]);
        self.acknowledged = response.acked_sequence;
        Ok(())
    }
}
