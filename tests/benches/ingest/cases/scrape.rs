//! How late batches are acknowledged while a large page is read.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use tokio::time::Instant;
use vision_proto::metrics::v1::MetricKind;
use vision_tests::{page, service::metrics_settings};

use super::BATCH;
use crate::{
    load::Load,
    measure::{ROUNDS, Target, start},
    report::{median, quantile},
};

const SERIES: usize = 100_000;
/// Time from one batch to the next.
const PAUSE: Duration = Duration::from_millis(2);
/// How long one measurement takes.
const WINDOW: Duration = Duration::from_millis(1500);
/// Time from one scrape to the next.
const SCRAPE_PAUSE: Duration = Duration::from_millis(250);

pub(crate) async fn run() -> Result<()> {
    println!("\na batch of {BATCH} events every {PAUSE:?}, sent to acknowledged, by wall time");
    let load = Load::events(MetricKind::Counter, SERIES, BATCH);
    let mut settings = metrics_settings();
    settings.metrics.max_series = 2 * SERIES;
    let process = start(settings).await?;
    let mut stream = Target::of(&process)?.open(&load, 1).await?.remove(0);
    let (mut alone, mut beside, mut scrapes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.extend(stream.send_evenly(&load, PAUSE, WINDOW).await?);
        let scraping = tokio::spawn(scrape(process.http));
        beside.extend(stream.send_evenly(&load, PAUSE, WINDOW).await?);
        scrapes.extend(scraping.await??);
    }
    print("without a scrape", &alone);
    print("beside scrapes", &beside);
    let (times, bytes): (Vec<_>, Vec<_>) = scrapes.into_iter().unzip();
    println!(
        "  a scrape of {SERIES} series, {:.1} MB, took {:.0} ms",
        median(bytes.iter().map(|bytes| *bytes as f64 / 1e6)),
        median(times.iter().map(|time: &Duration| time.as_secs_f64() * 1e3))
    );
    drop(stream);
    process.terminate().await
}

/// Reads the page again and again; returns how long each took, and its bytes.
async fn scrape(http: SocketAddr) -> Result<Vec<(Duration, usize)>> {
    let (mut scrapes, mut pauses) = (Vec::new(), tokio::time::interval(SCRAPE_PAUSE));
    let end = Instant::now() + WINDOW;
    while Instant::now() < end {
        let started = pauses.tick().await;
        let page = page::get(http, "/metrics").await?;
        scrapes.push((started.elapsed(), page.len()));
    }
    Ok(scrapes)
}

fn print(what: &str, latencies: &[Duration]) {
    let quantile = |share| quantile(latencies.iter().map(|latency| latency.as_secs_f64() * 1e3), share);
    println!("  {what:<17} {:.2} ms median, {:.2} ms p99", quantile(0.5), quantile(0.99));
}
