//! One measurement: streams that send for a while, and what the server's process used meanwhile.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use tokio::time::Instant;
use vision_tests::{process::Process, service::metrics_settings};

use crate::{client::Stream, load::Load, opentelemetry_server::OpenTelemetryServer, usage};

/// Times that each part is measured.
pub(crate) const ROUNDS: usize = 5;
/// How long one measurement takes.
pub(crate) const WINDOW: Duration = Duration::from_millis(500);

/// A server in a process of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) grpc: SocketAddr,
    pub(crate) process: u32,
}

/// What some values cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    values: u64,
    cpu: Duration,
    wall: Duration,
}

impl Cost {
    /// Nanoseconds of the server's processor time for one value.
    pub(crate) fn nanoseconds(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.values as f64
    }

    /// Values a second of wall time.
    pub(crate) fn rate(&self) -> f64 {
        self.values as f64 / self.wall.as_secs_f64()
    }

    pub(crate) fn values(&self) -> u64 {
        self.values
    }
}

impl Target {
    pub(crate) fn of(process: &Process) -> Result<Self> {
        Ok(Self { grpc: process.grpc, process: process.id().context("metrics-svc has ended")? })
    }

    /// Opens streams and sends every batch once, so that all series are there.
    pub(crate) async fn open(&self, load: &Load, streams: usize) -> Result<Vec<Stream>> {
        let opened = (0..streams).map(async |_| {
            let mut stream = Stream::open(self.grpc, load).await?;
            stream.send_all(load).await?;
            anyhow::Ok(stream)
        });
        try_join_all(opened).await
    }

    /// Sends from all streams at once for a [`WINDOW`].
    pub(crate) async fn measure(&self, load: &Load, streams: &mut [Stream]) -> Result<Cost> {
        let (cpu, started) = (usage::cpu_time(self.process)?, Instant::now());
        let deadline = started + WINDOW;
        let sent = try_join_all(streams.iter_mut().map(|stream| stream.send_until(load, deadline))).await?;
        let (wall, cpu) = (started.elapsed(), usage::cpu_time(self.process)?.saturating_sub(cpu));
        let values = sent.iter().sum::<u64>() * load.values_each as u64;
        Ok(Cost { values, cpu, wall })
    }

    async fn open_and_measure(&self, load: &Load, streams: usize) -> Result<Cost> {
        let mut streams = self.open(load, streams).await?;
        self.measure(load, &mut streams).await
    }
}

/// Measures a metrics-svc that has just started and keeps everything in memory.
pub(crate) async fn metrics_svc(load: &Load, streams: usize) -> Result<Cost> {
    let process = start(metrics_settings()).await?;
    let cost = Target::of(&process)?.open_and_measure(load, streams).await?;
    process.terminate().await?;
    Ok(cost)
}

/// Measures the OpenTelemetry server.
pub(crate) async fn opentelemetry(load: &Load) -> Result<Cost> {
    let server = OpenTelemetryServer::start().await?;
    Target { grpc: server.grpc, process: server.process }.open_and_measure(load, 1).await
}

/// Starts metrics-svc, its log lines left out.
pub(crate) async fn start(settings: metrics_svc::Settings) -> Result<Process> {
    Process::start_logging_to("metrics-svc", &settings, tokio::io::sink()).await
}
