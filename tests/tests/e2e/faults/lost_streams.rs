//! An owner that sleeps through its lease: its stream is another's when it wakes up.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use detector_svc::{ownership::OwnershipKeys, redis_client::Policy};
use redis::aio::MultiplexedConnection;
use vision_tests::{
    eventually::eventually,
    frames::{self, OBJECTS, STREAM},
    process::Process,
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

use super::{Camera, acknowledged, balanced, frame, published, signal};
use crate::fixture::{all_published, append, detections_of, none_twice};

/// Time between two frames, of which some are always in the pipeline then.
const PACE: Duration = Duration::from_millis(10);

/// Redis, metrics-svc and two detectors, of which the first has the stream while it is awake.
struct Replicas {
    _server: RedisServer,
    redis: MultiplexedConnection,
    camera: MultiplexedConnection,
    metrics: Service,
    first: Process,
    second: Process,
}

impl Replicas {
    async fn start(policy: Policy) -> Result<Self> {
        let server = RedisServer::start().await?;
        let metrics = Service::metrics(metrics_settings()).await?;
        let settings = |name: &str| {
            let mut settings = detector_settings(&server.url(), &metrics.endpoint());
            settings.redis.policy = policy;
            settings.ownership.replica_id = name.to_owned();
            settings.ownership.lease = Duration::from_secs(1);
            settings.metrics.producer_id = name.to_owned();
            settings.runtime.threads = 1;
            // Much is in the pipeline at any moment.
            settings.batch.frames_per_stream = 16;
            settings.publish.objects_max_len = 10_000;
            settings
        };
        let first = Process::start("detector-svc", &settings("first")).await?;
        let second = Process::start("detector-svc", &settings("second")).await?;
        let (mut redis, camera) = (server.connect().await?, server.connect().await?);
        owned_by(&mut redis, "first").await?;
        Ok(Self { _server: server, redis, camera, metrics, first, second })
    }

    /// Waits until what the first had in its pipeline has ended as another's, and the ledger of both balances.
    async fn end(self) -> Result<()> {
        let mut redis = self.redis;
        let page = balanced(self.metrics.http, |page| {
            page.sum("frames_dropped_total", &[("reason", "duplicate")]) > 0.0
        })
        .await?;
        let published = frames::published(&mut redis).await?.len();
        // What was sent just before the sleep may have arrived without the sender knowing.
        assert!(published as f64 >= page.ledger().success, "{published} published, {:?}", page.ledger());
        assert_eq!(page.sum("errors_total", &[("error_type", "poison")]), 0.0);
        self.first.terminate().await?;
        self.second.terminate().await?;
        let ledger = balanced(self.metrics.http, |_| true).await?.ledger();
        ensure!(ledger.received > 0.0, "{ledger:?}");
        self.metrics.stop().await
    }
}

/// Waits until the stream is this replica's.
async fn owned_by(redis: &mut MultiplexedConnection, replica: &str) -> Result<()> {
    let lease = OwnershipKeys::new(OBJECTS).lease(STREAM);
    eventually("an owner", async || {
        let token: Option<String> = redis::cmd("GET").arg(&lease).query_async(redis).await?;
        let owner = token.as_deref().and_then(|token| token.split(':').next());
        ensure!(owner == Some(replica), "{owner:?} has the stream");
        Ok(())
    })
    .await
}

/// Identifier of the newest frame.
async fn newest(redis: &mut MultiplexedConnection) -> Result<String> {
    let entries: Vec<(String, redis::Value)> =
        redis::cmd("XREVRANGE").arg(STREAM).arg("+").arg("-").arg("COUNT").arg(1).query_async(redis).await?;
    Ok(entries.into_iter().next().context("the stream is empty")?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_slept_publishes_nothing_of_a_stream_that_is_read_for_its_newest_frame() -> Result<()> {
    let mut replicas = Replicas::start(Policy::Latest).await?;
    let redis = &mut replicas.redis;
    let camera = Camera::start(replicas.camera.clone(), frame()?, PACE);
    published(redis, 5).await?;
    signal(&replicas.first, "-STOP").await?;
    owned_by(redis, "second").await?;
    let before = frames::published(redis).await?.len();
    published(redis, before + 5).await?;
    signal(&replicas.first, "-CONT").await?;
    // It has the better claim, and gets the stream back while frames arrive.
    owned_by(redis, "first").await?;
    let before = frames::published(redis).await?.len();
    published(redis, before + 5).await?;
    camera.stop().await?;
    let last = newest(redis).await?;
    detections_of(redis, &last).await?;
    none_twice(&frames::published(redis).await?)?;
    replicas.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_slept_publishes_nothing_that_was_claimed_meanwhile() -> Result<()> {
    let mut replicas = Replicas::start(Policy::Every).await?;
    let redis = &mut replicas.redis;
    let (frame, mut ids) = (frame()?, Vec::new());
    for _ in 0..40 {
        ids.push(append(redis, STREAM, &frame).await?);
    }
    published(redis, 3).await?;
    signal(&replicas.first, "-STOP").await?;
    owned_by(redis, "second").await?;
    for _ in 0..8 {
        ids.push(append(redis, STREAM, &frame).await?);
    }
    // What was published and not acknowledged is published again by who claims it.
    all_published(redis, STREAM, &ids).await?;
    acknowledged(redis, STREAM).await?;
    let before = frames::published(redis).await?.len();
    signal(&replicas.first, "-CONT").await?;
    owned_by(redis, "first").await?;
    let next = append(redis, STREAM, &frame).await?;
    detections_of(redis, &next).await?;
    balanced(replicas.metrics.http, |page| {
        page.sum("frames_dropped_total", &[("reason", "duplicate")]) > 0.0
    })
    .await?;
    assert_eq!(frames::published(redis).await?.len(), before + 1, "the old owner has published");
    acknowledged(redis, STREAM).await?;
    replicas.end().await
}
