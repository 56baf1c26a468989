//! What an event costs, and a series takes, the more series there are.

use anyhow::Result;
use vision_proto::metrics::v1::MetricKind;
use vision_tests::service::metrics_settings;

use super::BATCH;
use crate::{
    load::Load,
    measure::{ROUNDS, Target, start},
    report::{Part, median},
    usage,
};

const SERIES: [usize; 4] = [1, 1000, 100_000, 1_000_000];

pub(crate) async fn run() -> Result<()> {
    println!("\ncounters by the number of series: events in random order, batches of {BATCH}");
    let loads = SERIES.map(|series| Load::events(MetricKind::Counter, series, BATCH));
    let (mut parts, mut memory) = (SERIES.map(|_| Part::default()), SERIES.map(|_| Vec::new()));
    for _ in 0..ROUNDS {
        for ((load, part), memory) in loads.iter().zip(&mut parts).zip(&mut memory) {
            memory.push(once(load, part).await?);
        }
    }
    for ((series, part), memory) in SERIES.iter().zip(&parts).zip(&memory) {
        println!(
            "  {series:>9} series {:4.0} ns, ratio to one series {:.2}; {}",
            part.nanoseconds(),
            part.times(&parts[0]),
            resident(memory, *series)
        );
    }
    packed_memory().await
}

/// Medians of the resident memory before and after `series` were made.
fn resident(memory: &[[u64; 2]], series: usize) -> String {
    let [before, after] = [0, 1].map(|index| median(memory.iter().map(|pair| pair[index] as f64)));
    let mib = |bytes| bytes / f64::from(1 << 20);
    let resident = format!("resident {:.0} MiB, before {:.0} MiB", mib(after), mib(before));
    // Of few series, the buffers of the messages take more.
    if series < 100_000 {
        return resident;
    }
    format!("{resident}, {:.0} bytes a series", (after - before) / series as f64)
}

/// Measures one load; returns the resident memory before there was a series, and with all of them.
async fn once(load: &Load, part: &mut Part) -> Result<[u64; 2]> {
    let process = start(settings()).await?;
    let target = Target::of(&process)?;
    let before = usage::resident(target.process)?;
    let mut streams = target.open(load, 1).await?;
    let after = usage::resident(target.process)?;
    part.push(target.measure(load, &mut streams).await?);
    process.terminate().await?;
    Ok([before, after])
}

/// Series of which the producer has sent a number instead of naming them in events.
async fn packed_memory() -> Result<()> {
    let series = 100_000;
    let load = Load::packed(MetricKind::Counter, series, BATCH);
    let process = start(settings()).await?;
    let target = Target::of(&process)?;
    let before = usage::resident(target.process)?;
    let _streams = target.open(&load, 1).await?;
    let each = (usage::resident(target.process)? - before) as f64 / series as f64;
    println!("  {series:>9} series with numbers: {each:.0} bytes a series");
    process.terminate().await
}

fn settings() -> metrics_svc::Settings {
    let mut settings = metrics_settings();
    settings.metrics.max_series = 2_000_000;
    // All definitions come in one message.
    settings.grpc.max_message_bytes = 32 << 20;
    settings
}
