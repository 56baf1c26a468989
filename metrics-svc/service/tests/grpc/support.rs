//! A server with a stub behind it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};
use vision_metrics::{
    Snapshot,
    exposition::{TextFormat, text},
};
use vision_proto::metrics::{
    raw::{MetricsService, MetricsServiceServer, RawRecordRequest},
    v1::{
        GetMetricsRequest, GetMetricsResponse, RecordResponse, metrics_service_client::MetricsServiceClient,
    },
};
use vision_service::{
    grpc::{self, Limits},
    readiness::Readiness,
    telemetry::Telemetry,
};

pub(crate) const NAME: &str = "vision.metrics.v1.MetricsService";
pub(crate) const SERVING: i32 = 1;
pub(crate) const NOT_SERVING: i32 = 2;

/// How the stub answers, by the page size that it is asked for.
pub(crate) const ANSWERED: u32 = 0;
pub(crate) const REFUSED: u32 = 1;
/// Not before the test lets it.
pub(crate) const HELD: u32 = 2;
pub(crate) const BROKEN: u32 = 3;

#[derive(Clone)]
pub(crate) struct Stub {
    /// One for each held call that has begun.
    pub(crate) begun: Arc<Semaphore>,
    /// One for each held call that may end.
    pub(crate) released: Arc<Semaphore>,
}

#[tonic::async_trait]
impl MetricsService for Stub {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        _: Request<Streaming<RawRecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        Err(Status::unimplemented("stub"))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        match request.get_ref().page_size {
            ANSWERED => {}
            HELD => {
                self.begun.add_permits(1);
                self.released.acquire().await.unwrap().forget();
            }
            BROKEN => return Err(Status::internal("broken")),
            _ => return Err(Status::invalid_argument("stub")),
        }
        Ok(Response::new(GetMetricsResponse::default()))
    }
}

pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) channel: Channel,
    pub(crate) stub: Stub,
    pub(crate) readiness: Readiness,
    pub(crate) telemetry: Telemetry,
    pub(crate) token: CancellationToken,
    task: JoinHandle<Result<(), grpc::ServeError>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    /// A server, and a channel that is not connected yet.
    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let readiness = Readiness::awaiting(&["model"]);
        let telemetry = Telemetry::new("test_svc").unwrap();
        let bound = grpc::bind(([127, 0, 0, 1], 0).into()).await.unwrap().with_limits(limits);
        let endpoint = Endpoint::from_shared(format!("http://{}", bound.local_addr())).unwrap();
        let token = CancellationToken::new();
        let stub = Stub { begun: Arc::new(Semaphore::new(0)), released: Arc::new(Semaphore::new(0)) };
        let api = grpc::Api::new(&readiness, &telemetry).with(MetricsServiceServer::new(stub.clone()));
        let task = tokio::spawn(bound.serve(api, token.clone()));
        let channel = endpoint.connect_lazy();
        Self { endpoint, channel, stub, readiness, telemetry, token, task }
    }

    /// A client with a connection of its own.
    pub(crate) async fn connect(&self) -> Channel {
        self.endpoint.connect().await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.token.cancel();
        drop(self.channel);
        let ended = tokio::time::timeout(Duration::from_secs(5), self.task);
        ended.await.expect("the server ends").unwrap().unwrap();
    }

    /// What the server tells about itself.
    pub(crate) fn page(telemetry: &Telemetry) -> String {
        let snapshot = Snapshot { time: Duration::ZERO, metrics: telemetry.metrics() };
        text(&snapshot, TextFormat::Prometheus)
    }
}

/// Calls the stub.
pub(crate) async fn call(channel: &Channel, page_size: u32) -> Result<(), Status> {
    let request = GetMetricsRequest { page_size, ..GetMetricsRequest::default() };
    MetricsServiceClient::new(channel.clone()).get_metrics(request).await.map(drop)
}

/// Status of a service, each time that it changes.
pub(crate) async fn watch(
    channel: &Channel,
    service: &str,
) -> Result<Streaming<HealthCheckResponse>, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(HealthClient::new(channel.clone()).watch(request).await?.into_inner())
}

/// Reads statuses until `wanted`: the first may be older than the change that is waited for.
pub(crate) async fn becomes(statuses: &mut Streaming<HealthCheckResponse>, wanted: i32) {
    while statuses.message().await.unwrap().unwrap().status != wanted {}
}
