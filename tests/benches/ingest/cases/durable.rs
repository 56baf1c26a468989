//! What is kept on disk before it is acknowledged, by wall time: synchronizing the disk takes no processor time.

use anyhow::{Context as _, Result};
use vision_proto::metrics::v1::MetricKind;
use vision_tests::service::metrics_settings;

use super::{BATCH, SERIES};
use crate::{
    load::Load,
    measure::{Cost, ROUNDS, Target, metrics_svc, start},
    report::{Part, median},
    usage,
};

/// Packed samples in a batch.
const SAMPLES: usize = 5000;

/// One way to send to a service that keeps what it acknowledges.
struct Case {
    name: &'static str,
    load: Load,
    streams: usize,
    durable: Part,
    in_memory: Part,
    /// Bytes written for one value, round by round.
    written: Vec<f64>,
}

pub(crate) async fn run() -> Result<()> {
    println!("\ndurable counters, {SERIES} series, by wall time; goal: 1 M events a second");
    let events = Load::events(MetricKind::Counter, SERIES, BATCH);
    let packed = Load::packed(MetricKind::Counter, SERIES, SAMPLES);
    let mut cases = [
        case("events", &events, 1),
        case("events", &events, 4),
        case("events", &events, 16),
        case("packed", &packed, 1),
        case("packed", &packed, 4),
    ];
    for _ in 0..ROUNDS {
        for case in &mut cases {
            let (cost, written) = durable(&case.load, case.streams).await?;
            case.durable.push(cost);
            case.written.push(written as f64 / cost.values() as f64);
            case.in_memory.push(metrics_svc(&case.load, case.streams).await?);
        }
    }
    cases.iter().for_each(Case::print);
    Ok(())
}

fn case(name: &'static str, load: &Load, streams: usize) -> Case {
    let load = load.clone();
    Case { name, load, streams, durable: Part::default(), in_memory: Part::default(), written: Vec::new() }
}

impl Case {
    fn print(&self) {
        println!(
            "  {}, {:2} streams {:6.2} M/s, {:.2} of the rate in memory; {:4.0} ns; {:.0} bytes written of {:.0}",
            self.name,
            self.streams,
            self.durable.millions_a_second(),
            self.durable.times_the_rate(&self.in_memory),
            self.durable.nanoseconds(),
            median(self.written.iter().copied()),
            self.load.bytes_of_value()
        );
    }
}

/// Measures a metrics-svc with an empty directory; returns the bytes written, too.
async fn durable(load: &Load, streams: usize) -> Result<(Cost, u64)> {
    let directory = tempfile::tempdir()?;
    let mut settings = metrics_settings();
    settings.storage.dir = directory.path().to_str().context("the temporary directory is not UTF-8")?.into();
    let process = start(settings).await?;
    let target = Target::of(&process)?;
    let mut streams = target.open(load, streams).await?;
    let before = usage::written(target.process)?;
    let cost = target.measure(load, &mut streams).await?;
    let written = usage::written(target.process)? - before;
    process.terminate().await?;
    Ok((cost, written))
}
