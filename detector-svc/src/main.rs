//! detector-svc: the command line, then the service until a signal ends it.

use std::{future::Future, process::ExitCode};

use clap::{Parser, Subcommand};
use detector_svc::{
    APP, App, Settings,
    replay::{self, ReplayArgs},
};
use vision_service::{
    cli::{self, Started},
    logging::{self, LogSettings},
    shutdown,
};

/// Detects objects in camera frames from Redis and in images from gRPC callers
#[derive(Parser)]
#[command(name = APP.name, version = APP.version)]
struct CommandLine {
    #[command(flatten)]
    args: cli::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Publish(ReplayArgs),
}

fn main() -> ExitCode {
    let command_line: CommandLine = match cli::parse() {
        Ok(command_line) => command_line,
        Err(code) => return code,
    };
    let outcome = match command_line.command {
        Some(Command::Publish(args)) => run(publish(&args)),
        None => match command_line.args.start::<Settings>(&APP) {
            Started::Run(settings) => run(serve(settings)),
            Started::Exit(code) => return code,
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end and waits for nothing else: what blocks a thread beyond the grace must not keep the process.
fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    logging::init(&settings.log)?;
    let token = shutdown::signal_token()?;
    let app = App::bind(settings).await?;
    tracing::info!(grpc = %app.grpc_addr(), http = %app.http_addr(), version = APP.version, "listening");
    app.run(token).await?;
    tracing::info!("ended");
    Ok(())
}

async fn publish(args: &ReplayArgs) -> anyhow::Result<()> {
    logging::init(&LogSettings::default())?;
    let published = replay::replay(args, shutdown::signal_token()?).await?;
    tracing::info!(published, stream = args.stream, "done");
    Ok(())
}
