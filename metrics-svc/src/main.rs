//! The process: settings, logs, addresses, work, exit code.

use std::process::ExitCode;

use anyhow::Context as _;
use metrics_svc::{APP, App, Settings};
use vision_service::{
    cli::{self, Started},
    logging, shutdown,
};

/// Each batch takes and gives back tens of kilobytes, which the system's allocator hands back to the kernel every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = match cli::start::<Settings>(&APP) {
        Started::Run(settings) => settings,
        Started::Exit(code) => return code,
    };
    let logging = logging::init(&settings.log).context("set up logging");
    match logging.and_then(|()| serve(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(settings: Settings) -> anyhow::Result<()> {
    let token = shutdown::signal_token().context("listen to signals")?;
    let app = App::bind(settings).await?;
    tracing::info!(grpc = %app.grpc_addr(), http = %app.http_addr(), version = APP.version, "listening");
    app.run(token).await?;
    tracing::info!("ended");
    Ok(())
}
