//! What every gRPC server has, over a real connection.
#![expect(clippy::unwrap_used, reason = "tests")]

mod limits;
mod support;
mod tracing;

use std::time::Duration;

use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use vision_proto::metrics::v1::{RecordRequest, metrics_service_client::MetricsServiceClient};

use self::support::{ANSWERED, NAME, NOT_SERVING, REFUSED, SERVING, Server, becomes, call, watch};

#[tokio::test]
async fn health_follows_readiness() {
    let server = Server::start().await;
    for name in ["", NAME] {
        server.readiness.set("model", false);
        let mut statuses = watch(&server.channel, name).await.unwrap();
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
    let mut statuses = watch(&server.channel, "").await.unwrap();
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
    call(&server.channel, ANSWERED).await.unwrap();
    call(&server.channel, REFUSED).await.unwrap_err();
    let mut client = MetricsServiceClient::new(server.channel.clone());
    client.record(tokio_stream::empty::<RecordRequest>()).await.unwrap_err();
    drop(client);
    let telemetry = server.telemetry.clone();
    server.stop().await;
    let page = Server::page(&telemetry);
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
