//! What happens past each limit.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use vision_service::grpc::Limits;

use crate::support::{ANSWERED, HELD, NOT_SERVING, SERVING, Server, becomes, call, watch};

/// Every connection without calls may be closed.
fn few_connections(max_connections: usize) -> Limits {
    Limits { max_connections, min_idle: Duration::ZERO, ..Limits::default() }
}

async fn connect(server: &Server) -> TcpStream {
    let address = server.endpoint.uri().authority().unwrap().as_str();
    TcpStream::connect(address).await.unwrap()
}

/// Reads until the server closes the connection, by whatever means.
async fn closed(mut stream: TcpStream) {
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
    let _ = closed.await.expect("the server closes the connection");
}

fn closed_for(server: &Server, reason: &str) -> usize {
    let page = Server::page(&server.telemetry);
    let start = format!("test_svc_connections_closed_total{{reason=\"{reason}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_silent_connection_makes_room_for_a_new_client() {
    let server = Server::with_limits(few_connections(4)).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(connect(&server).await);
    }
    call(&server.channel, ANSWERED).await.unwrap();
    closed(silent.remove(0)).await;
    assert_eq!(closed_for(&server, "idle"), 1);
    assert!(Server::page(&server.telemetry).contains("test_svc_connections 4\n"));
    server.stop().await;
}

#[tokio::test]
async fn a_client_without_calls_makes_room_and_may_come_back() {
    let server = Server::with_limits(few_connections(3)).await;
    let mut clients: Vec<Channel> = Vec::new();
    for _ in 0..3 {
        let client = server.connect().await;
        call(&client, ANSWERED).await.unwrap();
        clients.push(client);
    }
    let mut newcomers = Vec::new();
    for round in 1..=3 {
        let newcomer = server.connect().await;
        call(&newcomer, ANSWERED).await.unwrap();
        newcomers.push(newcomer);
        assert_eq!(closed_for(&server, "idle"), round);
    }
    // A client may learn of its end only when it calls.
    while let Err(status) = call(&clients[0], ANSWERED).await {
        assert!(matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled), "{status}");
    }
    drop((clients, newcomers));
    server.stop().await;
}

#[tokio::test]
async fn a_connection_with_an_open_stream_stays() {
    let server = Server::with_limits(few_connections(2)).await;
    let streaming = server.connect().await;
    let mut statuses = watch(&streaming, "").await.unwrap();
    becomes(&mut statuses, NOT_SERVING).await;
    let idle = connect(&server).await;
    call(&server.channel, ANSWERED).await.unwrap();
    closed(idle).await;
    server.readiness.set("model", true);
    becomes(&mut statuses, SERVING).await;
    server.stop().await;
}

#[tokio::test]
async fn a_new_connection_waits_while_every_other_has_a_call() {
    let server = Server::with_limits(few_connections(1)).await;
    let streaming = server.connect().await;
    let mut statuses = watch(&streaming, "").await.unwrap();
    becomes(&mut statuses, NOT_SERVING).await;
    let mut waiting = connect(&server).await;
    // A preface with empty settings, which the server answers with its own.
    waiting.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    call(&streaming, ANSWERED).await.unwrap();
    assert_eq!(waiting.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop((statuses, streaming));
    waiting.read_exact(&mut [0; 9]).await.unwrap();
    drop(waiting);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let limits = Limits { preface_timeout: Duration::from_millis(1), ..Limits::default() };
    let server = Server::with_limits(limits).await;
    closed(connect(&server).await).await;
    assert_eq!(closed_for(&server, "silent"), 1);
    server.stop().await;
}

#[tokio::test]
async fn unary_calls_past_the_limit_are_refused_at_once() {
    let server = Server::with_limits(Limits { max_unary_in_progress: 2, ..Limits::default() }).await;
    let held = || {
        let channel = server.channel.clone();
        tokio::spawn(async move { call(&channel, HELD).await })
    };
    let in_progress = [held(), held()];
    server.stub.begun.acquire_many(2).await.unwrap().forget();
    let refused = call(&server.channel, ANSWERED).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("2 unary calls are in progress"), "{refused}");
    // Health is told, and streams are not unary calls.
    HealthClient::new(server.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    watch(&server.channel, "").await.unwrap();
    server.stub.released.add_permits(2);
    for call in in_progress {
        call.await.unwrap().unwrap();
    }
    call(&server.channel, ANSWERED).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn streams_past_the_limit_are_refused_until_one_ends() {
    let server = Server::with_limits(Limits { max_streams: 1, ..Limits::default() }).await;
    let open = watch(&server.channel, "").await.unwrap();
    let refused = watch(&server.channel, "").await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("1 streams are open"), "{refused}");
    call(&server.channel, ANSWERED).await.unwrap();
    drop(open);
    // The server learns of it a little later.
    while let Err(status) = watch(&server.channel, "").await {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_unary_call_ends_in_time_and_a_stream_may_last() {
    let limits = Limits { unary_timeout: Duration::from_millis(20), ..Limits::default() };
    let server = Server::with_limits(limits).await;
    let mut statuses = watch(&server.channel, "").await.unwrap();
    becomes(&mut statuses, NOT_SERVING).await;
    let late = call(&server.channel, HELD).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(late.message(), "not done after 20ms");
    server.readiness.set("model", true);
    becomes(&mut statuses, SERVING).await;
    server.stop().await;
}
