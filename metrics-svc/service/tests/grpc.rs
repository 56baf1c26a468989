//! What every gRPC server has, over a real connection.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use vision_metrics::{Snapshot, exposition};
use vision_proto::metrics::v1::{
    GetMetricsRequest, GetMetricsResponse, RecordRequest, RecordResponse,
    metrics_service_client::MetricsServiceClient,
    metrics_service_server::{MetricsService, MetricsServiceServer},
};
use vision_service::{grpc, readiness::Readiness, telemetry::Telemetry};

const NAME: &str = "vision.metrics.v1.MetricsService";
const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

struct Stub;

#[tonic::async_trait]
impl MetricsService for Stub {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        _: Request<Streaming<RecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        Err(Status::unimplemented("stub"))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        match request.get_ref().page_size {
            0 => Ok(Response::new(GetMetricsResponse::default())),
            _ => Err(Status::invalid_argument("stub")),
        }
    }
}

struct Server {
    channel: Channel,
    readiness: Readiness,
    telemetry: Telemetry,
    token: CancellationToken,
    task: JoinHandle<Result<(), grpc::ServeError>>,
}

impl Server {
    async fn start() -> Self {
        let readiness = Readiness::awaiting(&["model"]);
        let telemetry = Telemetry::new("test_svc").unwrap();
        let bound = grpc::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let endpoint = format!("http://{}", bound.local_addr());
        let token = CancellationToken::new();
        let api = grpc::Api::new(&readiness, &telemetry).with(MetricsServiceServer::new(Stub));
        let task = tokio::spawn(bound.serve(api, token.clone()));
        let channel = Channel::from_shared(endpoint).unwrap().connect().await.unwrap();
        Self { channel, readiness, telemetry, token, task }
    }

    /// Status of a service, each time that it changes.
    async fn watch(&self, service: &str) -> Streaming<tonic_health::pb::HealthCheckResponse> {
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(self.channel.clone()).watch(request).await.unwrap().into_inner()
    }

    async fn stop(self) {
        self.token.cancel();
        drop(self.channel);
        let ended = tokio::time::timeout(Duration::from_secs(5), self.task);
        ended.await.expect("the server ends").unwrap().unwrap();
    }
}

/// Reads statuses until `wanted`: the first may be older than the change that is waited for.
async fn becomes(statuses: &mut Streaming<tonic_health::pb::HealthCheckResponse>, wanted: i32) {
    while statuses.message().await.unwrap().unwrap().status != wanted {}
}

#[tokio::test]
async fn health_follows_readiness() {
    let server = Server::start().await;
    for name in ["", NAME] {
        server.readiness.set("model", false);
        let mut statuses = server.watch(name).await;
        becomes(&mut statuses, NOT_SERVING).await;
        server.readiness.set("model", true);
        becomes(&mut statuses, SERVING).await;
    }
    let request = HealthCheckRequest { service: "made.up".to_owned() };
    let unknown = HealthClient::new(server.channel.clone()).check(request).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn open_streams_of_the_standard_services_do_not_hold_up_the_end() {
    let server = Server::start().await;
    let mut statuses = server.watch("").await;
    becomes(&mut statuses, NOT_SERVING).await;
    let (_requests, receiver) = tokio::sync::mpsc::channel(1);
    let mut reflection = ServerReflectionClient::new(server.channel.clone());
    let reflection = reflection.server_reflection_info(ReceiverStream::new(receiver)).await;
    let mut reflection = reflection.unwrap().into_inner();
    server.token.cancel();
    let ended = async { while let Ok(Some(_)) = statuses.message().await {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    let ended = async { while let Ok(Some(_)) = reflection.message().await {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    let server = Server::start().await;
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", NAME]);
    server.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_outcome_and_unary_ones_timed() {
    let server = Server::start().await;
    let mut client = MetricsServiceClient::new(server.channel.clone());
    client.get_metrics(GetMetricsRequest::default()).await.unwrap();
    let refused = GetMetricsRequest { page_size: 1, ..GetMetricsRequest::default() };
    client.get_metrics(refused).await.unwrap_err();
    client.record(tokio_stream::empty::<RecordRequest>()).await.unwrap_err();
    drop(client);
    let telemetry = server.telemetry.clone();
    server.stop().await;
    let mut page = String::new();
    let snapshot = Snapshot { time: Duration::ZERO, metrics: telemetry.metrics() };
    exposition::text(&snapshot, &mut page).unwrap();
    for line in [
        format!("test_svc_requests_total{{code=\"Ok\",method=\"{NAME}/GetMetrics\"}} 1"),
        format!("test_svc_requests_total{{code=\"InvalidArgument\",method=\"{NAME}/GetMetrics\"}} 1"),
        format!("test_svc_requests_total{{code=\"Unimplemented\",method=\"{NAME}/Record\"}} 1"),
        format!("test_svc_request_duration_seconds_count{{method=\"{NAME}/GetMetrics\"}} 2"),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    assert!(!page.contains(&format!("seconds_count{{method=\"{NAME}/Record\"")), "{page}");
}
