//! Eight cameras together deliver a little more than the model can follow; batches are compared with bare ones.

use std::time::{Duration, Instant};

use anyhow::Result;
use vision_tests::{
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::{
    bare,
    cameras::Cameras,
    measure::{median, published, ratio},
};

const ROUNDS: usize = 4;
const STREAMS: usize = 8;
const WINDOW: Duration = Duration::from_secs(8);

pub(crate) async fn measure(threads: usize) -> Result<()> {
    let (mut bare, mut pipelines, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare::images_per_second(threads, STREAMS, WINDOW).await?);
        let (rate, size) = pipeline(threads, bare[0]).await?;
        pipelines.push(rate);
        sizes.push(size);
    }
    println!("bare batches of {STREAMS}       {:7.1} frames/s", median(&bare));
    println!(
        "{STREAMS} streams               {:7.1} frames/s, {:.3} of the bare loop, {:.1} images a batch",
        median(&pipelines),
        ratio(&pipelines, &bare),
        median(&sizes)
    );
    Ok(())
}

/// Frames a second, and images in a batch.
async fn pipeline(threads: usize, bare: f64) -> Result<(f64, f64)> {
    let redis_server = RedisServer::start().await?;
    let names: Vec<String> = (0..STREAMS).map(|number| format!("camera:{number}")).collect();
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.runtime.threads = threads;
    settings.batch.max_size = STREAMS;
    settings.redis.streams = names.clone();
    let detector = Service::detector(settings).await?;
    let mut redis = redis_server.connect().await?;
    let rate = bare * 1.2 / STREAMS as f64;
    let cameras: Vec<_> = names.into_iter().map(|name| (name, rate)).collect();
    let cameras = Cameras::start(&redis_server, &cameras).await?;
    tokio::time::sleep(WINDOW / 4).await;
    let (started, before) = (Instant::now(), published(&mut redis).await?);
    tokio::time::sleep(WINDOW).await;
    let rate = (published(&mut redis).await? - before) as f64 / started.elapsed().as_secs_f64();
    cameras.stop().await?;
    let page = MetricsPage::read(detector.http).await?;
    let size = page.total("model_batch_size") / page.count("model_batch_size");
    detector.stop().await?;
    Ok((rate, size))
}
