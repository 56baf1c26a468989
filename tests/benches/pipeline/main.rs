//! How much of the model's own speed is left once frames come from Redis and detections go back there, what the
//! pipeline adds to a frame's latency, and what becomes of frames when there are too many.
//!
//! Each part is compared, in the same run and with the same threads, with a bare loop of `session.run`; the parts are
//! run in turn, several rounds, and compared round by round, so that a machine whose speed drifts does not favour one.
//! Arguments: parts (`throughput`, `streams`, `latency`, `overload`; all without any) and numbers of inference threads.
#![expect(clippy::print_stdout, reason = "figures")]

mod bare;
mod cameras;
mod latency;
mod measure;
mod overload;
mod streams;
mod throughput;

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let threads: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let parts: Vec<&String> =
        arguments.iter().filter(|argument| argument.parse::<usize>().is_err()).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| *name == part);
    for threads in if threads.is_empty() { vec![1, 2] } else { threads } {
        println!("\n{threads} inference thread(s) on {} cores", std::thread::available_parallelism()?);
        if wanted("throughput") {
            throughput::measure(threads).await?;
        }
        if wanted("streams") {
            streams::measure(threads).await?;
        }
        if wanted("latency") {
            latency::measure(threads).await?;
        }
        if wanted("overload") {
            overload::measure(threads).await?;
        }
    }
    Ok(())
}
