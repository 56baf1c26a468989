//! Packed samples of series that were defined once.

use anyhow::Result;
use vision_proto::metrics::v1::MetricKind;

use super::{BATCH, SERIES, name};
use crate::{
    load::Load,
    measure::{ROUNDS, metrics_svc, opentelemetry},
    report::Part,
};

const BATCHES: [usize; 3] = [500, 5000, 50_000];

pub(crate) async fn run() -> Result<()> {
    println!("\npacked samples: {SERIES} series; goal: 50 M a core for counters");
    for kind in [MetricKind::Counter, MetricKind::Histogram] {
        let loads = BATCHES.map(|batch| Load::packed(kind, SERIES, batch));
        let events = Load::events(kind, SERIES, BATCH);
        let (mut parts, mut reference) = (BATCHES.map(|_| Part::default()), Part::default());
        for _ in 0..ROUNDS {
            for (load, part) in loads.iter().zip(&mut parts) {
                part.push(metrics_svc(load, 1).await?);
            }
            reference.push(opentelemetry(&events).await?);
        }
        for ((batch, part), load) in BATCHES.iter().zip(&parts).zip(&loads) {
            println!(
                "  {:<10} batches of {batch:<6} {:6.1} M a core ({:5.1} ns, {:.0} bytes)   OpenTelemetry server on events, ratio {:.0}",
                name(kind),
                part.millions_a_core(),
                part.nanoseconds(),
                load.bytes_of_value(),
                reference.times(part)
            );
        }
    }
    Ok(())
}
