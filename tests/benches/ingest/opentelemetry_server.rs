//! The reference: prost decodes, and the OpenTelemetry SDK aggregates, with Prometheus as its reader.

use std::{collections::HashMap, net::SocketAddr, process::Stdio, sync::Arc};

use anyhow::{Context as _, Result};
use opentelemetry::{
    Key, KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};
use prost::Message as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};
use vision_proto::metrics::{
    raw::{MetricsService, MetricsServiceServer, RawRecordRequest},
    v1::{
        GetMetricsRequest, GetMetricsResponse, MetricDescriptor, MetricEvent, MetricKind, RecordRequest,
        RecordResponse,
    },
};
use vision_service::telemetry::Telemetry;
use vision_tests::service::ANY_PORT;

use crate::REFERENCE;

/// Responses that may wait for a slow reader, as in metrics-svc.
const RESPONSE_CAPACITY: usize = 16;

/// The reference as a process; killed when dropped.
#[derive(Debug)]
pub(crate) struct OpenTelemetryServer {
    pub(crate) grpc: SocketAddr,
    pub(crate) process: u32,
    _child: Child,
}

impl OpenTelemetryServer {
    pub(crate) async fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(REFERENCE).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address).await?;
        let process = child.id().context("the reference has ended")?;
        Ok(Self { grpc: address.trim().parse()?, process, _child: child })
    }
}

/// Serves until standard input ends, as it does when whoever started this is gone.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    println!("{}", listener.local_addr()?);
    let ended = async {
        // An error ends it, too.
        let _ = tokio::io::stdin().read(&mut [0]).await;
    };
    let service = MetricsServiceServer::new(Reference(Telemetry::new("reference")?));
    let server = Server::builder().add_service(service);
    Ok(server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), ended).await?)
}

struct Reference(Telemetry);

#[tonic::async_trait]
impl MetricsService for Reference {
    type RecordStream = ReceiverStream<Result<RecordResponse, Status>>;

    async fn record(
        &self,
        request: Request<Streaming<RawRecordRequest>>,
    ) -> Result<Response<Self::RecordStream>, Status> {
        let (responses, receiver) = mpsc::channel(RESPONSE_CAPACITY);
        let instruments = Instruments { meter: self.0.meter(), by_name: HashMap::new() };
        tokio::spawn(apply(request.into_inner(), instruments, responses));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_metrics(
        &self,
        _: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        Err(Status::unimplemented("the reference only records"))
    }
}

async fn apply(
    mut requests: Streaming<RawRecordRequest>,
    mut instruments: Instruments,
    responses: mpsc::Sender<Result<RecordResponse, Status>>,
) {
    while let Ok(Some(RawRecordRequest(bytes))) = requests.message().await {
        let response = match RecordRequest::decode(bytes) {
            Ok(batch) => instruments.apply(batch),
            Err(error) => Err(Status::invalid_argument(error.to_string())),
        };
        if responses.send(response).await.is_err() {
            return;
        }
    }
}

/// The instruments of one stream.
struct Instruments {
    meter: Meter,
    by_name: HashMap<String, Instrument>,
}

struct Instrument {
    labels: Vec<Key>,
    recorder: Recorder,
}

enum Recorder {
    Counter(Counter<f64>),
    Gauge(Gauge<f64>),
    Histogram(Histogram<f64>),
}

impl Instruments {
    fn apply(&mut self, batch: RecordRequest) -> Result<RecordResponse, Status> {
        for metric in batch.metrics {
            let instrument = Instrument::new(&self.meter, &metric);
            self.by_name.insert(metric.name, instrument);
        }
        let mut attributes = Vec::new();
        for event in batch.events {
            let instrument = self.by_name.get(&event.name);
            let unknown = || Status::invalid_argument(format!("metric {:?} is not declared", event.name));
            instrument.ok_or_else(unknown)?.record(event, &mut attributes);
        }
        Ok(RecordResponse { acked_sequence: batch.sequence, ..RecordResponse::default() })
    }
}

impl Instrument {
    fn new(meter: &Meter, metric: &MetricDescriptor) -> Self {
        let name = metric.name.clone();
        let recorder = match metric.kind() {
            MetricKind::Histogram => Recorder::Histogram(meter.f64_histogram(name).build()),
            MetricKind::Gauge => Recorder::Gauge(meter.f64_gauge(name).build()),
            _ => Recorder::Counter(meter.f64_counter(name).build()),
        };
        let labels = metric.label_names.iter().map(|name| Key::from(Arc::from(name.as_str())));
        Self { labels: labels.collect(), recorder }
    }

    /// Attributes in the order of the metric's labels are found without sorting them.
    fn record(&self, mut event: MetricEvent, attributes: &mut Vec<KeyValue>) {
        attributes.clear();
        attributes.extend(self.labels.iter().filter_map(|label| {
            let value = event.labels.remove(label.as_str())?;
            Some(KeyValue::new(label.clone(), value))
        }));
        match &self.recorder {
            Recorder::Counter(counter) => counter.add(event.value, attributes),
            Recorder::Gauge(gauge) => gauge.record(event.value, attributes),
            Recorder::Histogram(histogram) => histogram.record(event.value, attributes),
        }
    }
}
