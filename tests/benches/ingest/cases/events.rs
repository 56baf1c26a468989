//! Events that describe themselves.

use anyhow::Result;
use vision_proto::metrics::v1::MetricKind;

use super::{BATCH, SERIES, name};
use crate::{
    load::Load,
    measure::{ROUNDS, metrics_svc, opentelemetry},
    report::Part,
};

pub(crate) async fn run() -> Result<()> {
    println!("\nself-describing events: 3 labels, {SERIES} series, batches of {BATCH}");
    println!("  goals: 8 M a core for counters, 10 times the OpenTelemetry server");
    for kind in [MetricKind::Counter, MetricKind::Histogram, MetricKind::Gauge] {
        let load = Load::events(kind, SERIES, BATCH);
        let (mut ours, mut reference) = (Part::default(), Part::default());
        for _ in 0..ROUNDS {
            ours.push(metrics_svc(&load, 1).await?);
            reference.push(opentelemetry(&load).await?);
        }
        println!(
            "  {:<10} {:6.2} M a core ({:4.0} ns, {:.0} bytes)   OpenTelemetry server {:5.2} M a core, ratio {:.1}",
            name(kind),
            ours.millions_a_core(),
            ours.nanoseconds(),
            load.bytes_of_value(),
            reference.millions_a_core(),
            reference.times(&ours)
        );
    }
    Ok(())
}
