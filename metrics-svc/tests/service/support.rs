//! Boots the service, reads its metrics, waits for what takes time.

use std::{
    fmt::Debug,
    net::SocketAddr,
    time::{Duration, Instant},
};

use metrics_svc::{App, RunError, Settings};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming, transport::Channel};
use vision_proto::metrics::v1::{
    GetMetricsRequest, Metric, RecordRequest, RecordResponse, metrics_service_client::MetricsServiceClient,
    series::Value,
};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Client = MetricsServiceClient<Channel>;

/// A running service.
pub(crate) struct Server {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    token: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with settings changed from those of a test: defaults but for free ports of this machine.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.grpc.listen = ([127, 0, 0, 1], 0).into();
        settings.http.listen = ([127, 0, 0, 1], 0).into();
        settings.metrics.namespace = "ns".to_owned();
        change(&mut settings);
        let app = App::bind(settings).await.unwrap();
        let (grpc, http, token) = (app.grpc_addr(), app.http_addr(), CancellationToken::new());
        let task = tokio::spawn(app.run(token.clone()));
        Self { grpc, http, token, task }
    }

    /// Tells it to end.
    pub(crate) fn cancel(&self) {
        self.token.cancel();
    }

    /// Ends it; nothing may hold it up until its grace is over.
    pub(crate) async fn stop(self) {
        let started = Instant::now();
        self.token.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("the service ends").unwrap().unwrap();
        assert!(started.elapsed() < Settings::default().shutdown.grace, "the grace ran out");
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.grpc)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::new(self.channel().await)
    }

    /// The metric of this name, without the namespace.
    pub(crate) async fn metric(&self, name: &str) -> Option<Metric> {
        let request = GetMetricsRequest { name_prefix: name.to_owned(), ..GetMetricsRequest::default() };
        let page = self.client().await.get_metrics(request).await.unwrap().into_inner();
        let full_name = format!("ns_{name}");
        let mut metrics = page.metrics.into_iter();
        metrics.find(|metric| metric.descriptor.as_ref().is_some_and(|d| d.name == full_name))
    }

    /// Values of every series of a metric; none if there is no such metric.
    pub(crate) async fn values(&self, name: &str) -> Vec<Value> {
        let series = self.metric(name).await.map(|metric| metric.series).unwrap_or_default();
        series.into_iter().map(|series| series.value.unwrap()).collect()
    }

    /// Sum of a counter's series, or of how many values a distribution's have seen.
    pub(crate) async fn total(&self, name: &str) -> f64 {
        let values = self.values(name).await;
        let totals = values.into_iter().map(|value| match value {
            Value::Counter(total) | Value::Gauge(total) => total,
            Value::Distribution(distribution) => distribution.count as f64,
        });
        totals.sum()
    }
}

/// An open `Record` call.
pub(crate) struct Stream {
    pub(crate) requests: mpsc::Sender<RecordRequest>,
    pub(crate) responses: Streaming<RecordResponse>,
}

impl Stream {
    pub(crate) async fn open(client: &mut Client) -> Self {
        let (requests, receiver) = mpsc::channel(8);
        let responses = client.record(ReceiverStream::new(receiver)).await.unwrap();
        let responses = responses.into_inner();
        Self { requests, responses }
    }

    /// Opens a call on a connection of its own, to a service that may be absent.
    pub(crate) async fn connect(service: SocketAddr) -> Result<Self, Status> {
        let endpoint = Channel::from_shared(format!("http://{service}")).unwrap();
        let channel = endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let (requests, receiver) = mpsc::channel(8);
        let responses = Client::new(channel).record(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Self { requests, responses })
    }

    pub(crate) async fn send(&self, request: RecordRequest) -> Result<(), Status> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_| Status::unavailable("the call has ended"))
    }

    pub(crate) async fn exchange(&mut self, request: RecordRequest) -> RecordResponse {
        self.requests.send(request).await.unwrap();
        self.response().await.unwrap()
    }

    pub(crate) async fn response(&mut self) -> Result<RecordResponse, Status> {
        let response = self.responses.message().await?;
        response.ok_or_else(|| Status::unknown("the call has ended without a status"))
    }
}

/// Asks again and again until the answer is the expected one; fails with the last answer.
pub(crate) async fn eventually<T: Debug + PartialEq>(expected: T, mut ask: impl AsyncFnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer == expected {
            return;
        }
        assert!(Instant::now() < deadline, "is {answer:?} and never {expected:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for what should not take long.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("does not take long")
}
