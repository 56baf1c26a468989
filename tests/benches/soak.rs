//! Frames at the highest speed for `SOAK_SECONDS` (60): memory must not grow, and every frame be accounted for.
#![expect(clippy::print_stdout, reason = "figures")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use redis::aio::MultiplexedConnection;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    page::MetricsPage,
    process::Process,
    redis_server::RedisServer,
    service::detector_settings,
};

const STREAMS: usize = 4;
/// Share of the time after which memory is settled.
const WARM_UP: f64 = 0.25;

#[tokio::main]
async fn main() -> Result<()> {
    let seconds = std::env::var("SOAK_SECONDS").map_or(Ok(60.0), |seconds| seconds.parse())?;
    let duration = Duration::from_secs_f64(seconds);
    let redis_server = RedisServer::start().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.redis.streams = (0..STREAMS).map(stream).collect();
    let detector = Process::start("detector-svc", &settings).await?;
    let mut redis = redis_server.connect().await?;
    let jpegs: Result<Vec<_>> = (0..10).map(|number| frames::read(&format!("{number:04}.jpg"))).collect();
    let entries: Vec<Entry> = jpegs?.iter().map(|jpeg| frames::jpeg(jpeg)).collect();
    let pid = detector.id().context("the detector has ended")?;
    let (started, mut added, mut resident) = (Instant::now(), 0, Vec::new());
    while started.elapsed() < duration {
        added += flood(&mut redis, &entries, added).await?;
        if started.elapsed() >= duration.mul_f64(WARM_UP) {
            resident.push(resident_bytes(pid)? as f64);
        }
    }
    let page = eventually("a verdict on every frame", async || {
        let page = MetricsPage::read(detector.http).await?;
        let ledger = page.ledger();
        ensure!(
            ledger.balances() && ledger.in_flight == 0.0 && ledger.received == added as f64,
            "{ledger:?} of {added}"
        );
        Ok(page)
    })
    .await?;
    let (first, last) = (tenth(&resident, true), tenth(&resident, false));
    let most = resident.iter().copied().fold(0.0, f64::max);
    println!(
        "soak                    {added} frames in {seconds:.0} s, {:.0} looked at, every one accounted for",
        page.ledger().success
    );
    println!(
        "resident memory         {:.1} MB after a quarter, {:.1} MB at the end ({:+.2} %), {:.1} MB at most",
        first / 1e6,
        last / 1e6,
        (last / first - 1.0) * 100.0,
        most / 1e6
    );
    detector.terminate().await
}

fn stream(number: usize) -> String {
    format!("camera:{number}")
}

/// Publishes a burst to every stream; tells how many frames that were.
async fn flood(redis: &mut MultiplexedConnection, entries: &[Entry], added: usize) -> Result<usize> {
    for number in 0..STREAMS {
        let entry = &entries[(added + number) % entries.len()];
        frames::publish(redis, &stream(number), entry).await?;
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(STREAMS)
}

/// Mean of the first or last tenth of the values.
fn tenth(values: &[f64], first: bool) -> f64 {
    let count = (values.len() / 10).max(1);
    let part = if first { &values[..count] } else { &values[values.len() - count..] };
    part.iter().sum::<f64>() / part.len() as f64
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
