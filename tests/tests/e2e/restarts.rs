//! Any part may die at any time: nothing is lost that was acknowledged or waits, nothing counts twice.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
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
    fixture.detect(&frame).await?;
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
    fixture.redis = fixture.redis_server.connect().await?;
    let earlier = balanced(fixture.metrics.http).await?.ledger();
    // Counts arrive in their order: with this frame's, those of all before it have.
    fixture.detect(&frame).await?;
    let before = eventually("the count of a frame", async || {
        let ledger = balanced(fixture.metrics.http).await?.ledger();
        anyhow::ensure!(ledger.success == earlier.success + 1.0, "{ledger:?}");
        Ok(ledger)
    })
    .await?;
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
    let batches = settled(http, 5).await?.sum("record_batches_total", &[]);
    // Requests are answered in order, and each second makes one: two more, and these frames are acknowledged.
    eventually("two more batches", async || {
        let page = MetricsPage::read(http).await?;
        anyhow::ensure!(page.sum("record_batches_total", &[]) >= batches + 2.0, "{batches} batches");
        Ok(())
    })
    .await?;
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
async fn redis_restarts_in_a_quiet_moment_and_the_next_frame_arrives() -> Result<()> {
    let mut redis_server = RedisServer::start().await?;
    redis_server.kill().await?;
    let detector =
        Process::start_without_waiting("detector-svc", &detector_settings(&redis_server.url(), "")).await?;
    for round in 1..=3 {
        redis_server.restart().await?;
        eventually("readiness", async || page::ready(detector.http).await).await?;
        let mut redis = redis_server.connect().await?;
        eventually("labels", async || {
            let labels: u64 = redis::cmd("XLEN").arg("detectable_labels").query_async(&mut redis).await?;
            anyhow::ensure!(labels == 1, "{labels} entries");
            Ok(())
        })
        .await?;
        let id = frames::publish(&mut redis, frames::STREAM, &frame()?).await?;
        detections_of(&mut redis, &id).await?;
        assert_eq!(settled(detector.http, round).await?.ledger().success, round as f64);
        redis_server.kill().await?;
    }
    detector.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_a_detector_killed_in_a_flood_get_a_verdict_from_its_successor() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let metrics = Service::metrics(metrics_settings()).await?;
    let settings = detector_settings(&redis_server.url(), &metrics.endpoint());
    let mut redis = redis_server.connect().await?;
    let frame = frame()?;
    for _ in 0..3 {
        let detector = Process::start("detector-svc", &settings).await?;
        for _ in 0..60 {
            frames::publish(&mut redis, frames::STREAM, &frame).await?;
        }
        eventually("metrics of frames in flight", async || {
            frames::publish(&mut redis, frames::STREAM, &frame).await?;
            let ledger = MetricsPage::read(metrics.http).await?.ledger();
            anyhow::ensure!(ledger.balances(), "{ledger:?} does not balance");
            anyhow::ensure!(ledger.in_flight > 0.0, "{ledger:?}");
            Ok(())
        })
        .await?;
        detector.kill().await?;
    }
    let last = Process::start("detector-svc", &settings).await?;
    balanced(metrics.http).await?;
    none_twice(&frames::published(&mut redis).await?)?;
    last.terminate().await?;
    metrics.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_does_not_finish_cannot_hold_up_the_end() -> Result<()> {
    let mut settings = detector_settings("", "");
    settings.shutdown.grace = std::time::Duration::from_secs(2);
    let detector = Process::start("detector-svc", &settings).await?;
    let mut half = tokio::net::TcpStream::connect(detector.http).await?;
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost").await?;
    let mut silent = tokio::net::TcpStream::connect(detector.grpc).await?;
    silent.write_all(b"PRI * HTTP/2.0\r\n").await?;
    let told = tokio::time::Instant::now();
    detector.terminate().await?;
    assert!(told.elapsed() < settings.shutdown.grace * 3 / 2, "{:?}", told.elapsed());
    Ok(())
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
