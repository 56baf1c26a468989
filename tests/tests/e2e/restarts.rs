//! Any part may die at any time: nothing is lost that was acknowledged or waits, nothing counts twice.

use std::net::SocketAddr;

use anyhow::Result;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    page::{self, MetricsPage},
    process::Process,
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

use crate::fixture::{Fixture, detections_of, none_twice, settled};

fn frame() -> Result<Entry> {
    Ok(frames::jpeg(&frames::read("0002.jpg")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_dies_in_the_middle_and_comes_back_empty() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let frame = frame()?;
    for _ in 0..10 {
        frames::publish(&mut fixture.redis, frames::STREAM, &frame).await?;
    }
    fixture.redis_server.kill().await?;
    eventually("the detector to notice", async || match page::ready(fixture.detector.http).await {
        Ok(()) => Err("it is ready".to_owned()),
        Err(error) if error.to_string().contains("redis") => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await?;
    fixture.redis_server.restart().await?;
    fixture.detector.ready().await?;
    let before = balanced(fixture.metrics.http).await?.ledger();
    fixture.redis = fixture.redis_server.connect().await?;
    for _ in 0..10 {
        fixture.detect(&frame).await?;
    }
    let page = fixture.settled(before.received as u64 + 10).await?;
    assert_eq!(page.ledger().success, before.success + 10.0);
    assert!(page.sum("redis_errors_total", &[]) > 0.0);
    none_twice(&frames::published(&mut fixture.redis).await?)?;
    fixture.stop().await
}

/// Waits until every frame that was received has a verdict.
async fn balanced(http: SocketAddr) -> Result<MetricsPage> {
    eventually("a verdict on every frame", async || {
        let page = MetricsPage::read(http).await?;
        let ledger = page.ledger();
        anyhow::ensure!(ledger.balances() && ledger.in_flight == 0.0 && ledger.received > 0.0, "{ledger:?}");
        Ok(page)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_svc_is_killed_and_counts_made_meanwhile_arrive() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let first = Process::start("metrics-svc", &metrics_settings()).await?;
    let (grpc, http) = (first.grpc, first.http);
    let detector =
        Service::detector(detector_settings(&redis_server.url(), &format!("http://{grpc}"))).await?;
    let mut redis = redis_server.connect().await?;
    let frame = frame()?;
    for _ in 0..5 {
        let id = frames::publish(&mut redis, frames::STREAM, &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    settled(http, 5).await?;
    first.kill().await?;
    for _ in 0..7 {
        let id = frames::publish(&mut redis, frames::STREAM, &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    let mut settings = metrics_settings();
    (settings.grpc.listen, settings.http.listen) = (grpc, http);
    let second = Process::start("metrics-svc", &settings).await?;
    // Totals were in memory; what was not acknowledged was not lost with them.
    let page = settled(http, 7).await?;
    assert_eq!(page.ledger().success, 7.0);
    assert_eq!(page.sum("inference_provider_info", &[("provider", "cpu")]), 1.0, "gauges are told again");
    detector.stop().await?;
    second.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_detector_is_killed_and_its_successor_goes_on() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let metrics = Service::metrics(metrics_settings()).await?;
    let settings = detector_settings(&redis_server.url(), &metrics.endpoint());
    let first = Process::start("detector-svc", &settings).await?;
    let mut redis = redis_server.connect().await?;
    let frame = frame()?;
    for _ in 0..5 {
        let id = frames::publish(&mut redis, frames::STREAM, &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    settled(metrics.http, 5).await?;
    first.kill().await?;
    let second = Process::start("detector-svc", &settings).await?;
    for _ in 0..6 {
        let id = frames::publish(&mut redis, frames::STREAM, &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    let page = settled(metrics.http, 11).await?;
    assert_eq!(page.ledger().success, 11.0);
    none_twice(&frames::published(&mut redis).await?)?;
    second.terminate().await?;
    metrics.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_told_to_end_gives_every_frame_a_verdict() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let metrics = Service::metrics(metrics_settings()).await?;
    let settings = detector_settings(&redis_server.url(), &metrics.endpoint());
    let detector = Process::start("detector-svc", &settings).await?;
    let mut redis = redis_server.connect().await?;
    let frame = frame()?;
    for _ in 0..50 {
        frames::publish(&mut redis, frames::STREAM, &frame).await?;
    }
    detector.terminate().await?;
    let page = MetricsPage::read(metrics.http).await?;
    let ledger = page.ledger();
    assert!(ledger.balances() && ledger.in_flight == 0.0 && ledger.received > 0.0, "{ledger:?}");
    assert_eq!(frames::published(&mut redis).await?.len() as f64, ledger.success);
    metrics.stop().await
}
