//! What metrics-svc takes over gRPC on loopback, by the processor time of its process.
//!
//! Batches are encoded beforehand, and the client looks at nothing but the responses. Each part runs in turn, several
//! rounds, and is compared round by round with a reference: a server in a process of its own that decodes the same
//! batches with prost and records each event through the OpenTelemetry SDK, or what the line names. `cargo bench -p
//! vision-tests --bench ingest -- packed` runs only the cases named.
#![expect(clippy::print_stdout, reason = "figures")]

mod cases;
mod client;
mod load;
mod measure;
mod opentelemetry_server;
mod report;
mod usage;
mod wire;

use std::time::Instant;

use anyhow::Result;
use tokio::runtime::Runtime;

/// Argument with which this program is the reference instead.
const REFERENCE: &str = "opentelemetry-server";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = Runtime::new()?;
    if arguments == [REFERENCE] {
        return runtime.block_on(opentelemetry_server::serve());
    }
    runtime.block_on(run(&arguments))
}

async fn run(names: &[String]) -> Result<()> {
    let started = Instant::now();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    println!("server processor time a process, {} cores", std::thread::available_parallelism()?);
    if wanted("events") {
        cases::events::run().await?;
    }
    if wanted("packed") {
        cases::packed::run().await?;
    }
    if wanted("streams") {
        cases::streams::run().await?;
    }
    if wanted("series") {
        cases::series::run().await?;
    }
    if wanted("durable") {
        cases::durable::run().await?;
    }
    if wanted("scrape") {
        cases::scrape::run().await?;
    }
    println!("\ntook {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
