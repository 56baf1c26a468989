//! What may go wrong round the services: each fault is brought about for real, and what is promised is looked at.

mod annotated;
mod clocks;
mod failover;
mod hostile_images;
mod lost_streams;
mod metrics_away;
mod overload;
mod refused_writes;
mod sessions;
mod standstill;
mod watchers;

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use redis::{Value, aio::MultiplexedConnection};
use tokio::{process::Command, task::JoinHandle, time::interval};
use tokio_util::sync::CancellationToken;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry, STREAM},
    page::{self, MetricsPage},
    process::Process,
};

use crate::fixture::append;

/// Consumer group of the policy `every`.
const GROUP: &str = "detector-svc";

/// A frame with several people in it, who are found with certainty.
fn frame() -> Result<Entry> {
    Ok(frames::jpeg(&frames::read("0002.jpg")?))
}

/// The entry with another value in one of its fields.
fn with(mut entry: Entry, field: &str, value: &str) -> Entry {
    for (name, old) in &mut entry {
        if name == field {
            *old = value.as_bytes().to_vec();
        }
    }
    entry
}

/// A camera that publishes the same frame again and again, whether Redis takes it or not.
struct Camera {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Camera {
    fn start(mut redis: MultiplexedConnection, entry: Entry, every: Duration) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut ticks = interval(every);
            while stopped.run_until_cancelled(ticks.tick()).await.is_some() {
                // A camera does not care.
                let _ = append(&mut redis, STREAM, &entry).await;
            }
        });
        Self { stop, task }
    }

    /// Ends it once the last frame is published, or has failed to be.
    async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

/// Entries that were ever added to a stream.
async fn added(redis: &mut MultiplexedConnection, stream: &str) -> Result<u64> {
    let info: HashMap<String, Value> =
        redis::cmd("XINFO").arg("STREAM").arg(stream).query_async(redis).await?;
    let added = info.get("entries-added").context("the server does not count")?;
    Ok(redis::from_redis_value(added.clone())?)
}

/// Waits until there are so many entries with detections.
async fn published(redis: &mut MultiplexedConnection, least: usize) -> Result<()> {
    eventually("publication of detections", async || {
        let count = frames::published(redis).await?.len();
        ensure!(count >= least, "{count}, not {least}");
        Ok(())
    })
    .await
}

/// Waits until no frame of a stream is pending in the group.
async fn acknowledged(redis: &mut MultiplexedConnection, stream: &str) -> Result<()> {
    eventually("acknowledgement of every frame", async || {
        let pending: Value = redis::cmd("XPENDING").arg(stream).arg(GROUP).query_async(redis).await?;
        let count = pending.as_sequence().and_then(|summary| summary.first()).cloned();
        ensure!(count == Some(Value::Int(0)), "{pending:?}");
        Ok(())
    })
    .await
}

/// Waits until a page satisfies `enough`, with a verdict on each frame and a ledger that balances.
async fn balanced(http: SocketAddr, enough: impl Fn(&MetricsPage) -> bool) -> Result<MetricsPage> {
    eventually("a verdict on every frame", async || {
        let page = MetricsPage::read(http).await?;
        let ledger = page.ledger();
        ensure!(ledger.balances() && ledger.in_flight == 0.0 && enough(&page), "{ledger:?}");
        Ok(page)
    })
    .await
}

/// Waits until a page satisfies a condition.
async fn shown(http: SocketAddr, what: &str, condition: impl Fn(&MetricsPage) -> bool) -> Result<()> {
    eventually(what, async || {
        let page = MetricsPage::read(http).await?;
        ensure!(condition(&page), "{:?}", page.ledger());
        Ok(())
    })
    .await
}

/// Waits until `/ready` says that this is missing.
async fn not_ready(http: SocketAddr, missing: &str) -> Result<()> {
    eventually("the detector to notice", async || match page::ready(http).await {
        Ok(()) => Err("it is ready".to_owned()),
        Err(error) if error.to_string().contains(missing) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await
}

/// Sends a signal to a process, as in `-STOP`.
async fn signal(process: &Process, signal: &str) -> Result<()> {
    let pid = process.id().context("the process has ended already")?;
    let signalled = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
    ensure!(signalled.success(), "the process cannot be signalled");
    Ok(())
}
