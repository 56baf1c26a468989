//! The service as its operator sees it.

use std::time::Duration;

use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use vision_proto::metrics::v1::{MetricDescriptor, MetricKind, series::Value};

use crate::{
    http::get,
    messages::{event, metric, request},
    support::{Server, Stream, eventually, in_time},
};

#[tokio::test]
async fn open_streams_do_not_hold_up_the_end() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut anonymous = Stream::open(&mut client).await;
    anonymous.exchange(request(vec![metric("c_total", MetricKind::Counter, &[])], Vec::new())).await;
    // This one has sent nothing yet.
    let mut silent = Stream::open(&mut client).await;
    server.cancel();
    assert_eq!(anonymous.response().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(silent.response().await.unwrap_err().code(), Code::Unavailable);
    server.stop().await;
}

#[tokio::test]
async fn it_is_ready_and_healthy_once_it_runs() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", "vision.metrics.v1.MetricsService"] {
        eventually(1, async || {
            let request = HealthCheckRequest { service: service.to_owned() };
            health.check(request).await.unwrap().into_inner().status
        })
        .await;
    }
    assert_eq!(get(server.http, "/ready").await.status, 200);
    assert!(get(server.http, "/health").await.body.contains("\"status\":\"healthy\""));
    server.stop().await;
}

#[tokio::test]
async fn reflection_knows_its_methods() {
    let server = Server::start().await;
    let symbol = "vision.metrics.v1.MetricsService".to_owned();
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::FileContainingSymbol(symbol)),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(server.channel().await);
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    assert!(
        matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))),
        "{answer:?}"
    );
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn one_message_without_a_producer_is_enough() {
    let server = Server::start().await;
    let labels = [("stage", "total")];
    let message = request(
        vec![metric("latency_seconds", MetricKind::Histogram, &["stage"])],
        vec![event("latency_seconds", &labels, 0.01), event("latency_seconds", &labels, 7.0)],
    );
    let mut client = server.client().await;
    let mut answers = client.record(tokio_stream::once(message)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(answer.rejections.is_empty(), "{answer:?}");
    assert_eq!(answers.message().await.unwrap(), None);
    let page = get(server.http, "/metrics").await.body;
    for line in [
        "ns_latency_seconds_bucket{stage=\"total\",le=\"0.01\"} 1\n",
        "ns_latency_seconds_bucket{stage=\"total\",le=\"+Inf\"} 2\n",
        "ns_latency_seconds_count{stage=\"total\"} 2\n",
        "metrics_svc_batches_total 1\n",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_deployment_adds_buckets_and_producers_need_not_know() {
    let extra = [("h".to_owned(), vec![0.001])];
    let server = Server::start_with(|settings| settings.metrics.buckets = extra.into()).await;
    let declared = MetricDescriptor { buckets: vec![0.5], ..metric("h", MetricKind::Histogram, &[]) };
    let mut client = server.client().await;
    for _ in 0..2 {
        let mut stream = Stream::open(&mut client).await;
        let answer = stream.exchange(request(vec![declared.clone()], Vec::new())).await;
        assert!(answer.rejections.is_empty(), "{answer:?}");
    }
    let shown = server.metric("h").await.unwrap().descriptor.unwrap();
    assert_eq!(shown.buckets, [0.001, 0.5]);
    server.stop().await;
}

#[tokio::test]
async fn gauges_of_the_gone_expire_and_counters_stay() {
    let second = Duration::from_secs(1);
    let server = Server::start_with(|settings| settings.metrics.expire_after = second).await;
    let metrics = vec![metric("g", MetricKind::Gauge, &[]), metric("c_total", MetricKind::Counter, &[])];
    let mut stream = Stream::open(&mut server.client().await).await;
    stream.exchange(request(metrics, vec![event("g", &[], 1.0), event("c_total", &[], 1.0)])).await;
    assert_eq!(server.values("g").await, [Value::Gauge(1.0)]);
    eventually(Vec::new(), async || server.values("g").await).await;
    assert_eq!(server.values("c_total").await, [Value::Counter(1.0)]);
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_stream_only() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut stream = Stream::open(&mut client).await;
    let help = "x".repeat(5 * 1024 * 1024);
    let large = MetricDescriptor { help, ..metric("c_total", MetricKind::Counter, &[]) };
    stream.requests.send(request(vec![large], Vec::new())).await.unwrap();
    assert_eq!(in_time(stream.response()).await.unwrap_err().code(), Code::OutOfRange);
    let mut stream = Stream::open(&mut client).await;
    stream.exchange(request(vec![metric("c_total", MetricKind::Counter, &[])], Vec::new())).await;
    server.stop().await;
}

#[tokio::test]
async fn bound_addresses_are_not_bound_twice() {
    let server = Server::start().await;
    let mut settings = metrics_svc::Settings::default();
    settings.grpc.listen = server.grpc;
    let refused = metrics_svc::App::bind(settings).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("listen on {} for gRPC", server.grpc)), "{refused}");
    server.stop().await;
}
