//! metrics-svc that is not there: what was counted waits, and nobody waits for it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use detector_svc::redis_client::Policy;
use tempfile::TempDir;
use vision_metrics::catalogue::{DETECTIONS, FRAME_AGE};
use vision_metrics_client::{Recorder, RecorderSettings};
use vision_tests::{
    eventually::eventually,
    frames::STREAM,
    page::MetricsPage,
    process::Process,
    redis_server::RedisServer,
    service::{ANY_PORT, Service, detector_settings, metrics_settings},
};

use super::frame;
use crate::fixture::{all_published, append, none_twice, settled};

/// Frames of which metrics-svc hears late.
const FRAMES: u64 = 60;
/// Values that are recorded while metrics-svc is away, of which only few can wait.
const VALUES: u64 = 10_000;

/// Starts metrics-svc at the address where it was, with what it had.
async fn start(storage: &TempDir, [grpc, http]: [SocketAddr; 2]) -> Result<Process> {
    let mut settings = metrics_settings();
    (settings.grpc.listen, settings.http.listen) = (grpc, http);
    settings.storage.dir = storage.path().display().to_string();
    Process::start("metrics-svc", &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn detections_go_on_without_metrics_svc_and_their_counts_arrive_when_it_is_back() -> Result<()> {
    let server = RedisServer::start().await?;
    let storage = tempfile::tempdir()?;
    let metrics = start(&storage, [ANY_PORT; 2]).await?;
    let addresses = [metrics.grpc, metrics.http];
    let mut settings = detector_settings(&server.url(), &format!("http://{}", metrics.grpc));
    settings.redis.policy = Policy::Every;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let (frame, mut ids) = (frame()?, Vec::new());
    ids.push(append(&mut redis, STREAM, &frame).await?);
    settled(metrics.http, 1).await?;

    metrics.kill().await?;
    for _ in 1..FRAMES {
        ids.push(append(&mut redis, STREAM, &frame).await?);
    }
    assert_eq!(all_published(&mut redis, STREAM, &ids).await?, 0);
    detector.ready().await?;

    let metrics = start(&storage, addresses).await?;
    let page = settled(metrics.http, FRAMES).await?;
    assert_eq!(page.ledger().success, FRAMES as f64);
    assert_eq!(page.count("frame_age_seconds"), FRAMES as f64);
    assert_eq!(page.sum("record_events_dropped_total", &[]), 0.0);
    none_twice(&vision_tests::frames::published(&mut redis).await?)?;
    detector.stop().await?;
    metrics.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_than_can_wait_is_dropped_and_counted_and_no_count_is_lost() -> Result<()> {
    let storage = tempfile::tempdir()?;
    let metrics = start(&storage, [ANY_PORT; 2]).await?;
    let addresses = [metrics.grpc, metrics.http];
    // A detector has room for some hundred thousand values, which takes it minutes to record.
    let settings = RecorderSettings {
        queue_capacity: 256,
        max_unacked_batches: 2,
        backoff_max: Duration::from_millis(200),
        ..RecorderSettings::new(format!("http://{}", metrics.grpc), "detector")
    };
    let (recorder, task) = Recorder::connect(settings)?;
    let counter = recorder.counter(&DETECTIONS, &["model", "person"]);
    let histogram = recorder.histogram(&FRAME_AGE, &["camera"]);
    counter.inc();
    recorder.flush().await?;

    metrics.kill().await?;
    for value in 0..VALUES {
        counter.inc();
        histogram.observe(value as f64);
    }

    let metrics = start(&storage, addresses).await?;
    recorder.flush().await?;
    let page = eventually("every count", async || {
        let page = MetricsPage::read(metrics.http).await?;
        let dropped = page.sum("record_events_dropped_total", &[]);
        let seen = page.count("frame_age_seconds");
        ensure!(seen + dropped == VALUES as f64, "{seen} seen, {dropped} dropped");
        Ok(page)
    })
    .await?;
    assert!(page.sum("record_events_dropped_total", &[]) > 0.0);
    assert!(page.count("frame_age_seconds") > 0.0);
    assert_eq!(page.sum("detections_total", &[]), VALUES as f64 + 1.0);
    task.shutdown(Duration::from_secs(5)).await?;
    metrics.terminate().await
}
