//! A server that dies and a replica that takes its place, under the same name.

use std::time::Duration;

use anyhow::{Result, ensure};
use detector_svc::redis_client::Policy;
use redis::aio::MultiplexedConnection;
use vision_tests::{
    eventually::eventually,
    frames::{self, STREAM},
    proxy::Proxy,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use super::{acknowledged, balanced, frame};
use crate::fixture::{all_published, append, detections_of, none_twice};

/// Waits until the replica has everything that was written over this connection.
async fn replicated(redis: &mut MultiplexedConnection) -> Result<()> {
    eventually("a replica that has everything", async || {
        let replicas: u64 = redis::cmd("WAIT").arg(1).arg(200).query_async(redis).await?;
        ensure!(replicas == 1, "{replicas} replicas have");
        Ok(())
    })
    .await
}

async fn goes_on_with_the_replica(policy: Policy) -> Result<()> {
    let (mut first, second) = (RedisServer::start().await?, RedisServer::start().await?);
    second.replica_of(&first).await?;
    let proxy = Proxy::start(first.address()).await?;
    let mut settings = detector_settings(&proxy.url(), "");
    settings.redis.policy = policy;
    settings.redis.reconnect_max = Duration::from_millis(200);
    settings.ownership.lease = Duration::from_secs(1);
    let detector = Service::detector(settings).await?;
    let mut redis = first.connect().await?;
    let (frame, mut ids) = (frame()?, Vec::new());
    for _ in 0..4 {
        ids.push(append(&mut redis, STREAM, &frame).await?);
        detections_of(&mut redis, &ids[ids.len() - 1]).await?;
    }
    for _ in 0..8 {
        ids.push(append(&mut redis, STREAM, &frame).await?);
    }
    replicated(&mut redis).await?;

    first.kill().await?;
    second.make_writable().await?;
    proxy.switch_to(second.address());

    let mut redis = second.connect().await?;
    for _ in 0..4 {
        ids.push(append(&mut redis, STREAM, &frame).await?);
        detections_of(&mut redis, &ids[ids.len() - 1]).await?;
    }
    if policy == Policy::Every {
        // What was being published when the first server died is published again: nobody knows whether it arrived.
        all_published(&mut redis, STREAM, &ids).await?;
        acknowledged(&mut redis, STREAM).await?;
    } else {
        none_twice(&frames::published(&mut redis).await?)?;
    }
    let page = balanced(detector.http, |page| page.ledger().received >= ids.len() as f64).await?;
    assert!(page.sum("redis_errors_total", &[("error_type", "connection")]) > 0.0);
    detector.ready().await?;
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_frames_are_read_on_from_the_replica() -> Result<()> {
    goes_on_with_the_replica(Policy::Latest).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_published_from_the_server_or_its_replica() -> Result<()> {
    goes_on_with_the_replica(Policy::Every).await
}
