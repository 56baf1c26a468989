//! How much of the model's own speed is left once frames come from Redis and detections go back there.
//!
//! One camera floods a stream. What arrives is compared, in the same run and with the same threads, with a bare loop
//! of `session.run` and with a plain Python loop; the parts are run in turn, several rounds, and compared round by
//! round, so that a machine whose speed drifts does not favour one. Then one camera at 10 frames a second tells
//! what the pipeline adds to a frame's latency.
#![expect(clippy::print_stdout, reason = "figures")]

use std::{
    process::Stdio,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use detector_svc::{
    inference::{LoadedModel, ModelSource, RuntimeSettings},
    model::ModelOptions,
};
use redis::{Value, aio::MultiplexedConnection};
use serde_json::Value as Json;
use tokio::process::{Child, Command};
use vision_tests::{
    frames,
    page::MetricsPage,
    process::program,
    python,
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

/// Times that each part is measured.
const ROUNDS: usize = 4;
/// How long one measurement takes.
const WINDOW: Duration = Duration::from_secs(6);
/// Frames of the Python loop, of about the same duration.
const PYTHON_FRAMES: &str = "150";
/// Frames whose latency is taken.
const LATENCY_FRAMES: usize = 150;
/// Pause between two of them.
const LATENCY_PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let threads = if arguments.is_empty() { vec![1, 2] } else { arguments };
    for threads in threads {
        println!("\n{threads} inference thread(s) on {} cores", std::thread::available_parallelism()?);
        throughput(threads).await?;
        latency(threads).await?;
    }
    Ok(())
}

async fn throughput(threads: usize) -> Result<()> {
    let (mut bare, mut python, mut on, mut off) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(tokio::task::spawn_blocking(move || bare_loop(threads)).await??);
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

fn settings(threads: usize) -> RuntimeSettings {
    RuntimeSettings { threads, ..RuntimeSettings::default() }
}

fn bare_loop(threads: usize) -> Result<f64> {
    let LoadedModel { model, mut session } =
        LoadedModel::load(&ModelSource::BuiltIn, &ModelOptions::default(), &settings(threads))?;
    let tensor = vec![0.5; model.input.len()];
    let (started, mut runs) = (Instant::now(), 0);
    while started.elapsed() < WINDOW {
        session.run(&tensor, 1)?;
        runs += 1;
    }
    Ok(f64::from(runs) / started.elapsed().as_secs_f64())
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

/// Entries ever added to the stream of detections.
async fn published(redis: &mut MultiplexedConnection) -> Result<u64> {
    let info: Vec<Value> = redis::cmd("XINFO").arg("STREAM").arg(frames::OBJECTS).query_async(redis).await?;
    let mut fields = info.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let added = fields.find(|(name, _)| *name == Value::BulkString(b"entries-added".to_vec()));
    Ok(redis::from_redis_value(added.context("this Redis does not count entries")?.1)?)
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

async fn latency(threads: usize) -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.runtime.threads = threads;
    let detector = Service::detector(settings).await?;
    let (mut sending, mut waiting) = (redis_server.connect().await?, redis_server.connect().await?);
    let jpegs: Result<Vec<_>> = (0..10).map(|number| frames::read(&format!("{number:04}.jpg"))).collect();
    let mut last = "0".to_owned();
    let (mut ages, mut pauses) = (Vec::new(), tokio::time::interval(LATENCY_PAUSE));
    for jpeg in jpegs?.iter().cycle().take(LATENCY_FRAMES) {
        pauses.tick().await;
        let captured = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut entry = frames::jpeg(jpeg);
        entry.retain(|(field, _)| field != "timestamp");
        entry.push(("timestamp".to_owned(), captured.as_secs_f64().to_string().into_bytes()));
        frames::publish(&mut sending, frames::STREAM, &entry).await?;
        last = next_detections(&mut waiting, &last).await?;
        ages.push((SystemTime::now().duration_since(UNIX_EPOCH)? - captured).as_secs_f64() * 1e3);
    }
    let page = MetricsPage::read(detector.http).await?;
    let stage = |stage| page.median("pipeline_stage_duration_seconds", &[("stage", stage)]) * 1e3;
    let inference = stage("inference");
    ages.sort_by(f64::total_cmp);
    let [p50, p99] = [0.5, 0.99].map(|share| ages[(share * (ages.len() - 1) as f64) as usize]);
    println!(
        "capture to detections   {p50:.2} ms median, {p99:.2} ms p99, median inference {inference:.2} ms"
    );
    println!("added by the pipeline   {:.2} ms median", p50 - inference);
    for name in ["decode", "preprocess", "postprocess", "publish"] {
        println!("  {name:<12} {:.2} ms", stage(name));
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

/// Median of the ratios round by round: what drifts slowly drops out.
fn ratio(these: &[f64], those: &[f64]) -> f64 {
    let ratios: Vec<f64> = these.iter().zip(those).map(|(this, that)| this / that).collect();
    median(&ratios)
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
