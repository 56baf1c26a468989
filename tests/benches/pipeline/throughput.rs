//! One camera floods a stream; what arrives is compared with the bare loop and with a plain Python loop.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value as Json;
use tokio::process::{Child, Command};
use vision_tests::{
    frames,
    process::program,
    python,
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

use crate::{
    bare,
    measure::{median, published, ratio},
};

/// Times that each part is measured.
const ROUNDS: usize = 4;
/// How long one measurement takes.
const WINDOW: Duration = Duration::from_secs(6);
/// Frames of the Python loop, of about the same duration.
const PYTHON_FRAMES: &str = "150";

pub(crate) async fn measure(threads: usize) -> Result<()> {
    let (mut bare, mut python, mut on, mut off) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(bare::images_per_second(threads, 1, WINDOW).await?);
        // Whichever comes first in one round comes second in the next.
        for metrics_on in [round % 2 == 0, round % 2 != 0] {
            let rates = if metrics_on { &mut on } else { &mut off };
            rates.push(pipeline(threads, bare[0], metrics_on).await?);
        }
        python.push(python_loop(threads, bare[0]).await?);
    }
    println!("bare session.run        {:7.1} frames/s", median(&bare));
    println!(
        "Redis to detections     {:7.1} frames/s, {:.3} of the bare loop",
        median(&on),
        ratio(&on, &bare)
    );
    let times = ratio(&on, &python);
    println!(
        "Python loop             {:7.1} frames/s; detector-svc is {times:.2} times as fast",
        median(&python)
    );
    println!(
        "metrics off             {:7.1} frames/s; metrics on is {:.3} of it",
        median(&off),
        ratio(&on, &off)
    );
    Ok(())
}

/// Publishes a little faster than the model can follow.
fn camera(redis_server: &RedisServer, bare: f64) -> Result<Child> {
    let mut camera = Command::new(program("detector-svc")?);
    camera.arg("publish").arg(frames::folder()).args(["--loop", "--fps", &(bare * 1.2).to_string()]);
    camera.args(["--redis-url", &redis_server.url()]).stderr(Stdio::null()).kill_on_drop(true);
    Ok(camera.spawn()?)
}

async fn pipeline(threads: usize, bare: f64, metrics_on: bool) -> Result<f64> {
    let redis_server = RedisServer::start().await?;
    let metrics = Service::metrics(metrics_settings()).await?;
    let mut settings = detector_settings(&redis_server.url(), &metrics.endpoint());
    settings.runtime.threads = threads;
    settings.metrics.enabled = metrics_on;
    let detector = Service::detector(settings).await?;
    let mut redis = redis_server.connect().await?;
    let mut camera = camera(&redis_server, bare)?;
    tokio::time::sleep(WINDOW / 8).await;
    let (started, before) = (Instant::now(), published(&mut redis).await?);
    tokio::time::sleep(WINDOW).await;
    let rate = (published(&mut redis).await? - before) as f64 / started.elapsed().as_secs_f64();
    camera.kill().await?;
    detector.stop().await?;
    metrics.stop().await?;
    Ok(rate)
}

async fn python_loop(threads: usize, bare: f64) -> Result<f64> {
    let redis_server = RedisServer::start().await?;
    let mut camera = camera(&redis_server, bare)?;
    let (url, threads) = (redis_server.url(), threads.to_string());
    let arguments = ["--url", &url, "--threads", &threads, "--count", PYTHON_FRAMES, "--latest"];
    let report = python::run("baseline_pipeline.py", &arguments, "").await?;
    camera.kill().await?;
    let report: Json = serde_json::from_str(&report)?;
    report["frames_per_second"].as_f64().context("no rate")
}
