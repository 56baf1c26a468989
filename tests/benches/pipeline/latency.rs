//! One camera at a low rate: from just before a frame is published to the arrival of its detections.

use std::time::Duration;

use anyhow::{Context as _, Result};
use redis::{Value, aio::MultiplexedConnection};
use vision_tests::{
    frames,
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::{
    cameras::{now, unix_seconds},
    measure::quantile,
};

/// Frames whose latency is taken.
const FRAMES: usize = 300;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(100);
/// Stages that every frame goes through beside inference.
const STAGES: [&str; 5] = ["decode", "preprocess", "postprocess", "track", "publish"];

pub(crate) async fn measure(threads: usize) -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.runtime.threads = threads;
    let detector = Service::detector(settings).await?;
    let (mut sending, mut waiting) = (redis_server.connect().await?, redis_server.connect().await?);
    let jpegs: Result<Vec<_>> = (0..10).map(|number| frames::read(&format!("{number:04}.jpg"))).collect();
    let mut last = "0".to_owned();
    let (mut latencies, mut added, mut pauses) = (Vec::new(), Vec::new(), tokio::time::interval(PAUSE));
    let mut inferred = 0.0;
    for jpeg in jpegs?.iter().cycle().take(FRAMES) {
        pauses.tick().await;
        let entry = now(&frames::jpeg(jpeg));
        let sent = unix_seconds();
        frames::publish(&mut sending, frames::STREAM, &entry).await?;
        last = next_detections(&mut waiting, &last).await?;
        let latency = (unix_seconds() - sent) * 1e3;
        // This frame's own inference: what all have taken so far, less what all before it had.
        let so_far = MetricsPage::read(detector.http).await?.total("model_inference_duration_seconds") * 1e3;
        latencies.push(latency);
        added.push(latency - (so_far - inferred));
        inferred = so_far;
    }
    let page = MetricsPage::read(detector.http).await?;
    let stage = |stage| page.median("pipeline_stage_duration_seconds", &[("stage", stage)]) * 1e3;
    println!(
        "capture to detections   {:.2} ms median, {:.2} ms p99; inference {:.2} ms median",
        quantile(&latencies, 0.5),
        quantile(&latencies, 0.99),
        stage("inference")
    );
    println!(
        "added by the pipeline   {:.2} ms median, {:.2} ms p99",
        quantile(&added, 0.5),
        quantile(&added, 0.99)
    );
    for name in STAGES {
        println!("  {name:<12} {:.3} ms", stage(name));
    }
    detector.stop().await
}

/// Waits for the entry after `last` in the stream of detections, and gives its identifier.
async fn next_detections(redis: &mut MultiplexedConnection, last: &str) -> Result<String> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(1).arg("BLOCK").arg(0).arg("STREAMS").arg(frames::OBJECTS).arg(last);
    let streams: Vec<(String, Vec<(String, Value)>)> = command.query_async(redis).await?;
    let entry = streams.into_iter().flat_map(|(_, entries)| entries).next();
    Ok(entry.context("no entry")?.0)
}
