//! Four ways to time a piece of work, and how one of them leaves out what failed.
//!
//! `cargo run -p vision-metrics-client --example timing`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, hint::black_box, sync::Arc};

use vision_metrics::{Registry, catalogue::PIPELINE_STAGE_DURATION};
use vision_metrics_client::{VisionMetrics, now};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let registry = Arc::new(Registry::new("robot"));
    let metrics = VisionMetrics::local(Arc::clone(&registry), "yolo")?;

    for _ in 0..10 {
        // Until the end of a scope, whichever way it is left.
        {
            let _timer = metrics.time_pipeline_stage("decode");
            work(20_000);
        }

        // Until it is stopped, which tells the time, too.
        let timer = metrics.time_pipeline_stage("inference");
        work(200_000);
        metrics.record_model_inference(timer.stop(), "cpu", 1);

        // Around a function.
        let preprocess = metrics.recorder().histogram(&PIPELINE_STAGE_DURATION, &["preprocess"]);
        preprocess.time(|| work(50_000));
    }

    // Only when it succeeds.
    for succeeds in [true, false, true] {
        let timer = metrics.time_pipeline_stage("publish");
        work(5_000);
        if succeeds { drop(timer) } else { timer.discard() }
    }

    for (stage, expected) in [("decode", 10), ("preprocess", 10), ("inference", 10), ("publish", 2)] {
        let statistics = registry.get_statistics(PIPELINE_STAGE_DURATION.name, &[stage], now())?;
        let statistics = statistics.ok_or("nothing was timed")?;
        let [avg, p99] = [statistics.avg, statistics.p99].map(|seconds| seconds * 1e3);
        println!("{stage:10} {:2} times, {avg:7.3} ms on average, p99 {p99:7.3} ms", statistics.count);
        assert_eq!(statistics.count, expected, "{stage}");
    }
    Ok(())
}

/// Keeps the processor busy for a while.
fn work(rounds: u64) -> u64 {
    (0..rounds).fold(0, |sum, round| black_box(sum ^ round.wrapping_mul(0x9E37_79B9)))
}
