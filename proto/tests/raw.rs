//! The server of raw batches, called by the ordinary client in this process.
#![expect(clippy::unwrap_used, reason = "tests")]

use prost::Message as _;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Code, Request, Response, Status, Streaming, server::NamedService};
use vision_proto::metrics::{
    raw::{MetricsService, MetricsServiceServer, RawRecordRequest},
    v1::{
        GetMetricsRequest, GetMetricsResponse, MetricEvent, RecordRequest, RecordResponse,
        metrics_service_client::MetricsServiceClient,
    },
};

/// Answers each batch with its own sequence.
struct Stub;

#[tonic::async_trait]
impl MetricsService for Stub {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        request: Request<Streaming<RawRecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        let mut requests = request.into_inner();
        let (responses, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let response = request.map(|RawRecordRequest(bytes)| RecordResponse {
                    acked_sequence: RecordRequest::decode(bytes).unwrap().sequence,
                    ..RecordResponse::default()
                });
                responses.send(response).await.unwrap();
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let next_page_token = request.into_inner().name_prefix;
        Ok(Response::new(GetMetricsResponse { next_page_token, ..GetMetricsResponse::default() }))
    }
}

fn batch(sequence: u64) -> RecordRequest {
    let event = MetricEvent { name: "frames_total".to_owned(), value: 1.0, ..MetricEvent::default() };
    RecordRequest { sequence, events: vec![event; 100], ..RecordRequest::default() }
}

async fn record(
    server: MetricsServiceServer<Stub>,
    batches: Vec<RecordRequest>,
) -> Vec<Result<RecordResponse, Status>> {
    let mut client = MetricsServiceClient::new(server);
    let responses = client.record(tokio_stream::iter(batches)).await.unwrap();
    responses.into_inner().collect().await
}

#[tokio::test]
async fn batches_arrive_whole_and_in_order() {
    let responses = record(MetricsServiceServer::new(Stub), (1..=50).map(batch).collect()).await;
    let sequences: Vec<_> = responses.into_iter().map(|response| response.unwrap().acked_sequence).collect();
    assert_eq!(sequences, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_above_the_limit_is_refused() {
    let limit = batch(1).encoded_len();
    let server = || MetricsServiceServer::new(Stub).max_decoding_message_size(limit);
    assert_eq!(record(server(), vec![batch(1)]).await[0].as_ref().unwrap().acked_sequence, 1);
    let refused = record(server(), vec![batch(1 << 40)]).await;
    assert_eq!(refused[0].as_ref().unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn other_methods_are_ordinary() {
    let mut client = MetricsServiceClient::new(MetricsServiceServer::new(Stub));
    let request = GetMetricsRequest { name_prefix: "frames".to_owned(), ..GetMetricsRequest::default() };
    let response = client.get_metrics(request).await.unwrap().into_inner();
    assert_eq!(response.next_page_token, "frames");
    assert_eq!(MetricsServiceServer::<Stub>::NAME, "vision.metrics.v1.MetricsService");
}
