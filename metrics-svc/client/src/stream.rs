//! One open `Record` call.

use std::time::Duration;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Endpoint};
use vision_proto::metrics::v1::{
    RecordRequest, RecordResponse, metrics_service_client::MetricsServiceClient,
};

use crate::remote::Declared;

/// Requests on their way to the connection.
const REQUEST_CAPACITY: usize = 1;

/// Why there is no stream, or none any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("service answers {}: {}", .0.code(), .0.message())]
    Status(Box<Status>),
    #[error("service ended the stream")]
    Ended,
    #[error("service has not answered for {0:?}")]
    Silent(Duration),
}

impl StreamError {
    /// Whether a newer run of the producer has taken over, so that this one must not go on.
    pub(crate) fn is_superseded(&self) -> bool {
        matches!(self, Self::Status(status) if status.code() == Code::FailedPrecondition)
    }
}

impl From<Status> for StreamError {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) requests: mpsc::Sender<RecordRequest>,
    pub(crate) responses: Streaming<RecordResponse>,
    /// What it has been told of the series.
    pub(crate) declared: Declared,
}

impl Stream {
    /// Opens a stream with its first message, and waits for the answer as long as `patience`.
    pub(crate) async fn open(
        endpoint: Endpoint,
        opening: RecordRequest,
        declared: Declared,
        patience: Duration,
    ) -> Result<(Self, RecordResponse), StreamError> {
        let opened = timeout(patience, connect(endpoint, opening, declared)).await;
        opened.unwrap_or(Err(StreamError::Silent(patience)))
    }
}

async fn connect(
    endpoint: Endpoint,
    opening: RecordRequest,
    declared: Declared,
) -> Result<(Stream, RecordResponse), StreamError> {
    let mut client = MetricsServiceClient::new(endpoint.connect().await?);
    let (requests, receiver) = mpsc::channel(REQUEST_CAPACITY);
    // The channel is empty, so the message waits there for the call to take it.
    requests.try_send(opening).map_err(|_| StreamError::Ended)?;
    let responses = client.record(ReceiverStream::new(receiver)).await?;
    let mut responses = responses.into_inner();
    let first = responses.message().await?.ok_or(StreamError::Ended)?;
    let stream = Stream { requests, responses, declared };
    Ok((stream, first))
}
