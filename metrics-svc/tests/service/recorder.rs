//! What a recorder counts arrives exactly once, whatever happens to the connection and the service.

use std::{net::SocketAddr, time::Duration};

use vision_metrics::catalogue::{ACTIVE_TRACKS, DETECTIONS, FRAME_AGE, TRACK_LIFETIME};
use vision_metrics_client::{Recorder, RecorderSettings, RecorderTask};
use vision_proto::metrics::v1::series::Value;

use crate::{
    proxy::{Cut, Proxy},
    support::{Server, eventually, in_time},
};

fn connect(address: SocketAddr) -> (Recorder, RecorderTask) {
    let settings = RecorderSettings {
        flush_interval: Duration::from_millis(2),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        ..RecorderSettings::new(format!("http://{address}"), "robot")
    };
    Recorder::connect(settings).unwrap()
}

async fn flush(recorder: &Recorder) {
    in_time(recorder.flush()).await.unwrap();
}

#[tokio::test]
async fn everything_recorded_arrives_with_its_kind() {
    let server = Server::start().await;
    let (recorder, task) = connect(server.grpc);
    recorder.counter(&DETECTIONS, &["m", "cat"]).add(2.5);
    recorder.gauge(&ACTIVE_TRACKS, &["m"]).set(4.0);
    recorder.histogram(&FRAME_AGE, &["s"]).observe(0.25);
    recorder.summary(&TRACK_LIFETIME, &["m", "cat"]).observe(3.0);
    flush(&recorder).await;
    assert_eq!(server.values("detections_total").await, [Value::Counter(2.5)]);
    let gauge = server.metric("active_tracks").await.unwrap();
    assert_eq!(gauge.series[0].labels["instance"], "robot");
    assert_eq!(server.total("frame_age_seconds").await, 1.0);
    assert_eq!(server.total("track_lifetime_seconds").await, 1.0);
    task.shutdown(Duration::from_secs(5)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn what_is_recorded_before_the_service_is_there_arrives() {
    let proxy = Proxy::start(Vec::new()).await;
    let (recorder, task) = connect(proxy.address);
    let counter = recorder.counter(&DETECTIONS, &["m", "cat"]);
    counter.add(3.0);
    eventually(true, async || proxy.accepted() > 3).await;
    counter.inc();
    let server = Server::start().await;
    proxy.forward_to(server.grpc);
    flush(&recorder).await;
    assert_eq!(server.total("detections_total").await, 4.0);
    task.shutdown(Duration::from_secs(5)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_service_that_starts_anew_is_told_what_it_has_not_acknowledged_and_every_gauge() {
    let server = Server::start().await;
    let address = server.grpc;
    let (recorder, task) = connect(address);
    let counter = recorder.counter(&DETECTIONS, &["m", "cat"]);
    counter.add(5.0);
    recorder.gauge(&ACTIVE_TRACKS, &["m"]).set(7.0);
    flush(&recorder).await;
    assert_eq!(server.total("detections_total").await, 5.0);
    // The recorder's stream is open meanwhile.
    server.stop().await;
    counter.add(3.0);
    recorder.histogram(&FRAME_AGE, &["s"]).observe(0.1);
    let server = Server::start_with(|settings| settings.grpc.listen = address).await;
    flush(&recorder).await;
    assert_eq!(server.total("detections_total").await, 3.0);
    assert_eq!(server.total("frame_age_seconds").await, 1.0);
    eventually(vec![Value::Gauge(7.0)], async || server.values("active_tracks").await).await;
    task.shutdown(Duration::from_secs(5)).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_any_byte_neither_lose_nor_double() {
    // A linear congruential generator: as arbitrary as need be, and the same each time.
    let numbers = std::iter::successors(Some(1_usize), |n| Some((n * 1103 + 12345) % 65537));
    let cuts = numbers.skip(1).take(80).map(|number| match number % 2 {
        0 => Cut { requests: 20 + number % 3000, ..Cut::NEVER },
        // What is applied and not acknowledged is what could count twice.
        _ => Cut { responses: 20 + number % 1000, ..Cut::NEVER },
    });
    let cuts: Vec<_> = cuts.collect();
    let (server, proxy) = (Server::start().await, Proxy::start(cuts.clone()).await);
    proxy.forward_to(server.grpc);
    let (recorder, task) = connect(proxy.address);
    let counter = recorder.counter(&DETECTIONS, &["m", "cat"]);
    let histogram = recorder.histogram(&FRAME_AGE, &["s"]);
    let mut recorded = 0.0;
    eventually(true, async || {
        for _ in 0..100 {
            counter.inc();
            histogram.observe(recorded);
            recorded += 1.0;
        }
        proxy.accepted() > cuts.len()
    })
    .await;
    flush(&recorder).await;
    assert_eq!(server.total("detections_total").await, recorded);
    // A queue that is full for lack of a connection drops, and says so.
    flush(&recorder).await;
    let dropped = server.total("record_events_dropped_total").await;
    assert_eq!(server.total("frame_age_seconds").await + dropped, recorded);
    assert!(server.total("record_batches_resent_total").await > 0.0);
    task.shutdown(Duration::from_secs(5)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn shutting_down_sends_what_is_left() {
    let server = Server::start().await;
    let (recorder, task) = connect(server.grpc);
    recorder.counter(&DETECTIONS, &["m", "cat"]).add(9.0);
    task.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(server.total("detections_total").await, 9.0);
    assert!(recorder.flush().await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn shutting_down_without_a_service_tells_what_is_lost() {
    let proxy = Proxy::start(Vec::new()).await;
    let (recorder, task) = connect(proxy.address);
    recorder.counter(&DETECTIONS, &["m", "cat"]).inc();
    let lost = task.shutdown(Duration::from_millis(50)).await.unwrap_err();
    assert!(lost.events > 0, "{lost}");
}

#[tokio::test]
async fn two_producers_add_up_and_their_gauges_stay_apart() {
    let server = Server::start().await;
    for producer in ["one", "two"] {
        let settings = RecorderSettings::new(format!("http://{}", server.grpc), producer);
        let (recorder, task) = Recorder::connect(settings).unwrap();
        recorder.counter(&DETECTIONS, &["m", "cat"]).add(2.0);
        recorder.gauge(&ACTIVE_TRACKS, &["m"]).set(1.0);
        task.shutdown(Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(server.values("detections_total").await, [Value::Counter(4.0)]);
    assert_eq!(server.values("active_tracks").await, [Value::Gauge(1.0), Value::Gauge(1.0)]);
    server.stop().await;
}
