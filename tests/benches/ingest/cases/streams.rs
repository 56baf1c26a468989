//! Two producers that write to the same series, beside one.

use anyhow::Result;
use vision_proto::metrics::v1::MetricKind;

use super::{BATCH, SERIES, name};
use crate::{
    load::Load,
    measure::{ROUNDS, metrics_svc},
    report::Part,
};

/// Packed samples in a batch.
const SAMPLES: usize = 5000;

pub(crate) async fn run() -> Result<()> {
    println!("\ntwo streams into the same {SERIES} series; goal: 1.3 times the time of one stream");
    for kind in [MetricKind::Counter, MetricKind::Histogram] {
        compare("events", kind, &Load::events(kind, SERIES, BATCH)).await?;
        compare("packed", kind, &Load::packed(kind, SERIES, SAMPLES)).await?;
    }
    Ok(())
}

async fn compare(what: &str, kind: MetricKind, load: &Load) -> Result<()> {
    let (mut one, mut two) = (Part::default(), Part::default());
    for _ in 0..ROUNDS {
        one.push(metrics_svc(load, 1).await?);
        two.push(metrics_svc(load, 2).await?);
    }
    println!(
        "  {:<10} {what}   {:5.1} ns with one stream, {:5.1} ns with two, ratio {:.2}",
        name(kind),
        one.nanoseconds(),
        two.nanoseconds(),
        two.times(&one)
    );
    Ok(())
}
