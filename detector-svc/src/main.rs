//! detector-svc: the command line, then the service until a signal ends it.

use std::process::ExitCode;

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

#[tokio::main]
async fn main() -> ExitCode {
    let command_line: CommandLine = match cli::parse() {
        Ok(command_line) => command_line,
        Err(code) => return code,
    };
    let outcome = match command_line.command {
        Some(Command::Publish(args)) => publish(&args).await,
        None => match command_line.args.start::<Settings>(&APP) {
            Started::Run(settings) => serve(settings).await,
            Started::Exit(code) => return code,
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("failed to start: {error:#}");
            ExitCode::FAILURE
        }
    }
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
