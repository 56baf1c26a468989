//! Eight cameras of very different rates deliver three times what the model can follow: who is served, and how fresh.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use vision_tests::{
    frames,
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::{bare, cameras::Cameras, measure::quantile};

const STREAMS: usize = 8;
/// What is delivered, as a multiple of what the model can follow.
const OVERLOAD: f64 = 3.0;
/// Images in one run of the model, few so that frames stay fresh.
const BATCH: usize = 2;
const WINDOW: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(1);

pub(crate) async fn measure(threads: usize) -> Result<()> {
    let capacity = bare::images_per_second(threads, BATCH, WINDOW / 4).await?;
    let redis_server = RedisServer::start().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.runtime.threads = threads;
    settings.batch.max_size = BATCH;
    settings.batch.max_age = DEADLINE;
    settings.redis.streams = vec!["camera:*".to_owned()];
    settings.publish.objects_max_len = 100_000;
    // The first camera delivers half of everything, the others share the rest: each still more than its fair share.
    let (first, rest) = (capacity * OVERLOAD / 2.0, capacity * OVERLOAD / 2.0 / (STREAMS - 1) as f64);
    let rate = |number| if number == 0 { first } else { rest };
    let cameras: Vec<_> = (0..STREAMS).map(|number| (format!("camera:{number}"), rate(number))).collect();
    let cameras = Cameras::start(&redis_server, &cameras).await?;
    let detector = Service::detector(settings).await?;
    tokio::time::sleep(WINDOW).await;
    cameras.stop().await?;
    let page = MetricsPage::read(detector.http).await?;
    ensure!(page.ledger().balances(), "{:?}", page.ledger());
    detector.stop().await?;
    report(&frames::published(&mut redis_server.connect().await?).await?, capacity);
    for reason in ["superseded", "expired", "trimmed", "backpressure"] {
        println!("  dropped, {reason:<13} {:.0}", page.sum("frames_dropped_total", &[("reason", reason)]));
    }
    Ok(())
}

fn report(published: &[frames::Published], capacity: f64) {
    let (mut served, mut ages) = (BTreeMap::new(), Vec::new());
    for entry in published {
        *served.entry(entry.field("source_stream").to_owned()).or_insert(0_u32) += 1;
        let seconds = |field| entry.field(field).parse().unwrap_or(0.0);
        ages.push(seconds("timestamp") - seconds("capture_timestamp"));
    }
    let fair = published.len() as f64 / STREAMS as f64;
    let shares: Vec<f64> = served.values().map(|served| f64::from(*served) / fair).collect();
    println!(
        "overload                {OVERLOAD} times {capacity:.1} frames/s on {STREAMS} streams, the first half of it: {:.1} frames/s served",
        published.len() as f64 / WINDOW.as_secs_f64()
    );
    println!(
        "  share of a stream     {:.2} to {:.2} of the fair one",
        quantile(&shares, 0.0),
        quantile(&shares, 1.0)
    );
    println!(
        "  age when published    {:.0} ms median, {:.0} ms p99, {:.0} ms at most; the deadline is {} ms",
        quantile(&ages, 0.5) * 1e3,
        quantile(&ages, 0.99) * 1e3,
        quantile(&ages, 1.0) * 1e3,
        DEADLINE.as_millis()
    );
}
