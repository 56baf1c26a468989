//! The examples run to their ends, and what they assert holds.

use std::error::Error;

#[path = "../examples/alert_thresholds.rs"]
mod alert_thresholds;
#[path = "../examples/basic_use.rs"]
mod basic_use;
#[path = "../examples/custom_metrics.rs"]
mod custom_metrics;
#[path = "../examples/timing.rs"]
mod timing;

#[test]
fn basic_use_runs() -> Result<(), Box<dyn Error>> {
    basic_use::main()
}

#[test]
fn custom_metrics_run() -> Result<(), Box<dyn Error>> {
    custom_metrics::main()
}

#[test]
fn timing_runs() -> Result<(), Box<dyn Error>> {
    timing::main()
}

#[test]
fn alert_thresholds_run() -> Result<(), Box<dyn Error>> {
    alert_thresholds::main()
}
