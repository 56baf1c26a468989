//! Shows both services at work: sample frames through a Redis of its own, and a table of what comes out.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod view;

use std::{io::IsTerminal as _, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use redis::aio::MultiplexedConnection;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use vision_service::shutdown;
use vision_tests::{
    frames,
    page::MetricsPage,
    process::{self, Process, program},
    redis_server::RedisServer,
    service::{detector_settings, metrics_settings},
};

use self::view::{Looks, Sight};

/// Frames a second that are published.
const FPS: u32 = 10;
/// Clears the terminal and goes to its top left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Shows both services at work on sample frames
#[derive(Parser)]
struct Arguments {
    /// End after this many seconds; else the environment's DEMO_SECONDS, else at Ctrl-C
    #[arg(long)]
    seconds: Option<u64>,
    /// Folder of the frames to play
    #[arg(long, default_value_os_t = frames::folder())]
    frames: PathBuf,
    /// Folder for the services' log lines
    #[arg(long, default_value = "target/demo")]
    logs: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let stop = shutdown::signal_token()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let hung_up = stop.clone();
    tokio::spawn(async move {
        hangup.recv().await;
        hung_up.cancel();
    });
    if let Some(seconds) =
        arguments.seconds.map_or_else(seconds_from_environment, |seconds| Ok(Some(seconds)))?
    {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.cancel();
        });
    }
    let demo = Demo::start(&arguments).await?;
    let looks = demo.show(&stop).await?;
    demo.finish(looks).await
}

fn seconds_from_environment() -> Result<Option<u64>> {
    let seconds = std::env::var("DEMO_SECONDS").ok().filter(|seconds| !seconds.is_empty());
    seconds
        .map(|text| text.parse().with_context(|| format!("DEMO_SECONDS is {text:?}, not a number")))
        .transpose()
}

/// Everything that runs.
struct Demo {
    redis_server: RedisServer,
    redis: MultiplexedConnection,
    metrics: Process,
    detector: Process,
    camera: Child,
    logs: PathBuf,
}

impl Demo {
    async fn start(arguments: &Arguments) -> Result<Self> {
        let logs = arguments.logs.clone();
        std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let log = async |name: &str| tokio::fs::File::create(logs.join(format!("{name}.log"))).await;
        let redis_server = RedisServer::start().await?;
        let metrics = log("metrics-svc").await?;
        let metrics = Process::start_logging_to("metrics-svc", &metrics_settings(), metrics).await?;
        let settings = detector_settings(&redis_server.url(), &format!("http://{}", metrics.grpc));
        let detector = log("detector-svc").await?;
        let detector = Process::start_logging_to("detector-svc", &settings, detector).await?;
        let mut camera = Command::new(program("detector-svc")?);
        camera.arg("publish").arg(&arguments.frames).args(["--loop", "--fps", &FPS.to_string()]);
        camera.args(["--redis-url", &redis_server.url()]).stdin(Stdio::null());
        camera.stderr(log("publish").await?.into_std().await).kill_on_drop(true).process_group(0);
        let redis = redis_server.connect().await?;
        Ok(Self { redis_server, redis, metrics, detector, camera: camera.spawn()?, logs })
    }

    /// Shows a table every second until `stop` is cancelled.
    async fn show(&self, stop: &CancellationToken) -> Result<Looks> {
        let terminal = std::io::stdout().is_terminal();
        let mut looks = Looks::new(Instant::now());
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        if !terminal {
            println!("{}", self.urls());
        }
        while stop.run_until_cancelled(seconds.tick()).await.is_some() {
            let sight = self.look().await?;
            let table = looks.table(&sight, Instant::now());
            if terminal {
                println!("{CLEAR}{table}\n{}\nCtrl-C stops it.", self.urls());
            }
        }
        Ok(looks)
    }

    async fn look(&self) -> Result<Sight> {
        let published = frames::published(&mut self.redis.clone()).await?;
        Ok(Sight::new(&MetricsPage::read(self.metrics.http).await?, &published))
    }

    fn urls(&self) -> String {
        format!(
            "Prometheus  http://{metrics}/metrics\nJSON        http://{metrics}/metrics.json\n\
             gRPC        detector {}, metrics {}\nRedis       {}\nLogs        {}",
            self.detector.grpc,
            self.metrics.grpc,
            self.redis_server.url(),
            self.logs.display(),
            metrics = self.metrics.http,
        )
    }

    /// Ends everything in the order in which nothing is lost, and sums up.
    async fn finish(mut self, looks: Looks) -> Result<()> {
        process::terminate(&mut self.camera).await.context("the publisher")?;
        self.detector.terminate().await.context("detector-svc")?;
        let published = frames::published(&mut self.redis).await?;
        let sight = Sight::new(&MetricsPage::read(self.metrics.http).await?, &published);
        self.metrics.terminate().await.context("metrics-svc")?;
        println!("{}", looks.summary(&sight, Instant::now()));
        anyhow::ensure!(sight.ledger.balances(), "the frame ledger does not balance: {:?}", sight.ledger);
        Ok(())
    }
}
