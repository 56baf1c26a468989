//! Redis that does not answer and keeps its connections.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use vision_tests::{
    frames::{self, STREAM},
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

use super::{Camera, added, frame, not_ready, published};
use crate::fixture::{none_twice, settled};

/// How long nobody answers: longer than every timeout and lease.
const STANDSTILL: Duration = Duration::from_secs(10);
/// Time between two frames, less than a slow machine needs for one.
const PACE: Duration = Duration::from_millis(25);

#[tokio::test(flavor = "multi_thread")]
async fn redis_stands_still_under_load_and_every_frame_gets_one_verdict() -> Result<()> {
    let server = RedisServer::start().await?;
    let metrics = Service::metrics(metrics_settings()).await?;
    let mut settings = detector_settings(&server.url(), &metrics.endpoint());
    settings.publish.objects_max_len = 10_000;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let camera = Camera::start(server.connect().await?, frame()?, PACE);
    published(&mut redis, 10).await?;

    server.pause().await?;
    let paused = Instant::now();
    not_ready(detector.http, "redis").await?;
    tokio::time::sleep_until(paused + STANDSTILL).await;
    server.resume().await?;

    detector.ready().await?;
    let mut redis = server.connect().await?;
    let before = frames::published(&mut redis).await?.len();
    published(&mut redis, before + 10).await?;
    camera.stop().await?;
    let page = settled(metrics.http, added(&mut redis, STREAM).await?).await?;
    let published = frames::published(&mut redis).await?;
    none_twice(&published)?;
    // What was sent before the standstill and obeyed after it is not known to have arrived.
    assert!(published.len() as f64 >= page.ledger().success, "{:?}", page.ledger());
    assert!(page.sum("redis_errors_total", &[]) > 0.0);
    detector.stop().await?;
    metrics.stop().await
}
