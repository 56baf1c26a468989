//! A registry of one's own with metrics of one's own: all four kinds, read back and printed as JSON.
//!
//! `cargo run -p vision-metrics-client --example custom_metrics`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use vision_metrics::{Registry, SummaryOptions};
use vision_metrics_client::now;

const GRIPS: &str = "grips_total";
/// Upper bounds of the buckets, in newtons.
const FORCES: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Exported names start with `robot_`.
    let registry = Registry::new("robot");
    let grips = registry.register_counter(GRIPS, "Grips, by outcome.", &["arm", "status"])?;
    let position = registry.register_gauge("position_metres", "Where an arm is.", &["arm", "axis"])?;
    let force = registry.register_histogram("grip_force_newtons", "Force of a grip.", &["arm"], &FORCES)?;
    let last_minute = SummaryOptions { quantiles: &[0.5, 0.95], max_age: Duration::from_secs(60) };
    let moves = registry.register_summary("move_seconds", "Duration of a move.", &["arm"], last_minute)?;

    // Looked up once; from then on a record takes nanoseconds.
    let (held, slipped) = (grips.counter(&["left", "success"])?, grips.counter(&["left", "failure"])?);
    let (height, felt, took) =
        (position.gauge(&["left", "z"])?, force.histogram(&["left"])?, moves.summary(&["left"])?);
    for grip in 0..50 {
        height.set(0.3 + f64::from(grip % 5) / 100.0);
        felt.observe(f64::from(grip % 12));
        took.observe(1.0 + f64::from(grip) / 50.0, now());
        if grip % 10 == 9 { slipped.inc() } else { held.inc() }
    }

    println!("{} grips held, {} slipped", held.get(), slipped.get());
    assert_eq!((held.get(), slipped.get()), (45.0, 5.0));
    let seen = moves.get_statistics(&["left"], now())?.ok_or("no move in the last minute")?;
    println!("{} moves, {:.2} s on average, {:.2} s at most", seen.count, seen.avg, seen.max);
    assert_eq!((seen.count, seen.max), (50, 1.98));

    // A name or label that is wrong is told, not counted somewhere else.
    let mistakes = (grips.counter(&["left"]), registry.register_gauge(GRIPS, "", &[]));
    let (Err(labels), Err(kind)) = mistakes else {
        return Err("a mistake went unnoticed".into());
    };
    println!("refused: {labels}; {kind}");

    println!("{}", registry.export_json(now()));
    Ok(())
}
