//! A server that answers and takes no writes: a master that has become a replica, or one without memory.

use std::time::Duration;

use anyhow::Result;
use detector_svc::redis_client::Policy;
use redis::{Cmd, aio::MultiplexedConnection};
use vision_tests::{
    frames::{self, Entry, STREAM},
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use super::{acknowledged, balanced, frame, not_ready, published, shown};
use crate::fixture::{all_published, append, detections_of, none_twice, settled};

/// Frames that wait when a server becomes read-only: some of them are in the pipeline.
const WAITING: usize = 40;
/// Frames that are there when a server has no memory any more, and can be read.
const WITHOUT_MEMORY: usize = 10;
/// Attempts that fail before there is memory again: more for each frame than it may be delivered.
const ATTEMPTS: f64 = 50.0;

/// Why writes are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    ReadOnly,
    OutOfMemory,
}

impl Refusal {
    fn error_type(self) -> &'static str {
        match self {
            Self::ReadOnly => "readonly",
            Self::OutOfMemory => "oom",
        }
    }

    /// Nobody listens on the port of TCP's port service multiplexer.
    fn begin(self) -> Cmd {
        match self {
            Self::ReadOnly => command(&["REPLICAOF", "127.0.0.1", "1"]),
            Self::OutOfMemory => command(&["CONFIG", "SET", "maxmemory", "1"]),
        }
    }

    fn end(self) -> Cmd {
        match self {
            Self::ReadOnly => command(&["REPLICAOF", "NO", "ONE"]),
            Self::OutOfMemory => command(&["CONFIG", "SET", "maxmemory", "0"]),
        }
    }

    /// Adds frames and begins to refuse in one step, so that their detections are refused; returns their identifiers.
    async fn begin_with(
        self,
        redis: &mut MultiplexedConnection,
        frame: &Entry,
        count: usize,
    ) -> Result<Vec<String>> {
        let mut together = redis::pipe();
        together.atomic();
        for _ in 0..count {
            together.cmd("XADD").arg(STREAM).arg("*").arg(frame);
        }
        together.add_command(self.begin()).ignore();
        Ok(together.query_async(redis).await?)
    }

    /// Publications that were refused for this reason.
    fn seen(self, page: &MetricsPage) -> f64 {
        page.sum("redis_errors_total", &[("operation", "publish"), ("error_type", self.error_type())])
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

fn failed(page: &MetricsPage) -> f64 {
    page.sum("errors_total", &[("component", "publisher"), ("error_type", "publish")])
}

async fn fails_and_recovers(refusal: Refusal) -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.redis.reconnect_max = Duration::from_millis(200);
    // A lease that cannot be prolonged would keep frames from being read at all.
    settings.ownership.enabled = false;
    let detector = Service::detector(settings).await?;
    let frame = frame()?;
    for round in 1..=3 {
        refusal.begin_with(&mut redis, &frame, 1).await?;
        shown(detector.http, "a failure", |page| failed(page) == f64::from(round)).await?;
        refusal.end().query_async::<()>(&mut redis).await?;
        let id = append(&mut redis, STREAM, &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    let page = settled(detector.http, 6).await?;
    assert_eq!((page.ledger().success, page.ledger().failure), (3.0, 3.0));
    assert_eq!(refusal.seen(&page), 3.0);
    let published = frames::published(&mut redis).await?;
    none_twice(&published)?;
    assert_eq!(published.len(), 3);
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_become_read_only_fails_frames_until_it_is_writable_again() -> Result<()> {
    fails_and_recovers(Refusal::ReadOnly).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_fails_frames_until_it_has_some_again() -> Result<()> {
    fails_and_recovers(Refusal::OutOfMemory).await
}

/// Frames of the policy `every` that are refused are published later, and not held against them.
async fn loses_nothing(refusal: Refusal) -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.redis.policy = Policy::Every;
    settings.redis.reconnect_max = Duration::from_millis(200);
    settings.redis.max_deliveries = 3;
    settings.ownership.lease = Duration::from_secs(1);
    settings.runtime.threads = 1;
    let detector = Service::detector(settings).await?;
    let (frame, mut ids) = (frame()?, Vec::new());
    if refusal == Refusal::ReadOnly {
        for _ in 0..WAITING {
            ids.push(append(&mut redis, STREAM, &frame).await?);
        }
        published(&mut redis, 2).await?;
        refusal.begin().query_async::<()>(&mut redis).await?;
        shown(detector.http, "a refusal", |page| refusal.seen(page) > 0.0 && failed(page) > 0.0).await?;
        not_ready(detector.http, "redis").await?;
    } else {
        ids = refusal.begin_with(&mut redis, &frame, WITHOUT_MEMORY).await?;
        // Reading goes on, and so do the attempts.
        shown(detector.http, "refusals", |page| refusal.seen(page) >= ATTEMPTS && failed(page) >= ATTEMPTS)
            .await?;
    }
    refusal.end().query_async::<()>(&mut redis).await?;
    ids.push(append(&mut redis, STREAM, &frame).await?);
    assert_eq!(all_published(&mut redis, STREAM, &ids).await?, 0, "frames published twice");
    acknowledged(&mut redis, STREAM).await?;
    let page = balanced(detector.http, |page| page.ledger().success == ids.len() as f64).await?;
    assert_eq!(page.sum("errors_total", &[("error_type", "poison")]), 0.0);
    detector.ready().await?;
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_published_although_the_server_was_read_only() -> Result<()> {
    loses_nothing(Refusal::ReadOnly).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_published_although_the_server_had_no_memory() -> Result<()> {
    loses_nothing(Refusal::OutOfMemory).await
}
