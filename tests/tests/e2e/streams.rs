//! Streams come and go while the detector runs.

use anyhow::{Result, ensure};
use detector_svc::{ownership::OwnershipKeys, redis_client::Policy};
use std::time::Duration;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{append, detections_of, none_twice};

fn frame() -> Result<Entry> {
    Ok(frames::jpeg(&frames::read("0002.jpg")?))
}

fn settings(redis: &RedisServer, streams: &[&str]) -> detector_svc::Settings {
    let mut settings = detector_settings(&redis.url(), "");
    settings.redis.streams = streams.iter().map(|name| (*name).to_owned()).collect();
    settings.redis.discover_every = Duration::from_millis(100);
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_a_pattern_finds_are_read_until_they_are_gone() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let first = append(&mut redis, "camera:1", &frame).await?;
    let mut settings = settings(&server, &["camera:*", "*_objects", "door"]);
    settings.redis.policies = [("camera:[2-3]".to_owned(), Policy::Every)].into();
    let detector = Service::detector(settings).await?;
    detections_of(&mut redis, &first).await?;
    for stream in ["camera:2", "door", "camera:3", "camera:1"] {
        let id = append(&mut redis, stream, &frame).await?;
        let published = detections_of(&mut redis, &id).await?;
        assert_eq!(published.field("source_stream"), stream);
    }
    for stream in ["camera:1", "camera:2"] {
        let _: () = redis::cmd("DEL").arg(stream).query_async(&mut redis).await?;
        let lease = OwnershipKeys::new(frames::OBJECTS).lease(stream);
        eventually("the end of a stream", async || {
            let owner: Option<String> = redis::cmd("GET").arg(&lease).query_async(&mut redis).await?;
            ensure!(owner.is_none(), "{owner:?} has {stream}");
            Ok(())
        })
        .await?;
        let again = append(&mut redis, stream, &frame).await?;
        detections_of(&mut redis, &again).await?;
    }
    let page = MetricsPage::read(detector.http).await?;
    assert_eq!(page.sum("frames_received_total", &[("stream", frames::OBJECTS)]), 0.0);
    none_twice(&frames::published(&mut redis).await?)?;
    detector.stop().await
}

async fn stream_of_another_type_does_not_stop_the_others(policy: Policy) -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let _: () = redis::cmd("SET").arg("door").arg("open").query_async(&mut redis).await?;
    let mut settings = settings(&server, &["door", "camera:*"]);
    settings.redis.policy = policy;
    settings.redis.reconnect_max = Duration::from_millis(200);
    let detector = Service::detector(settings).await?;
    let frame = frame()?;
    for _ in 0..3 {
        let id = append(&mut redis, "camera:1", &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    let _: () = redis::cmd("DEL").arg("door").query_async(&mut redis).await?;
    let id = append(&mut redis, "door", &frame).await?;
    detections_of(&mut redis, &id).await?;
    // And one that becomes something else while it is read.
    let _: () = redis::cmd("SET").arg("door").arg("open").query_async(&mut redis).await?;
    for _ in 0..3 {
        let id = append(&mut redis, "camera:1", &frame).await?;
        detections_of(&mut redis, &id).await?;
    }
    let page = MetricsPage::read(detector.http).await?;
    assert!(page.sum("redis_errors_total", &[("error_type", "wrongtype")]) > 0.0);
    assert_eq!(page.ledger().success, 7.0);
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_type_does_not_stop_the_others_of_latest() -> Result<()> {
    stream_of_another_type_does_not_stop_the_others(Policy::Latest).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_type_does_not_stop_the_others_of_every() -> Result<()> {
    stream_of_another_type_does_not_stop_the_others(Policy::Every).await
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_do_not_own_streams_share_those_of_every() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = settings(&server, &["door"]);
    settings.redis.policy = Policy::Every;
    settings.ownership.enabled = false;
    // Longer than a frame waits on a busy machine: one that is claimed while it is worked on is published twice.
    settings.redis.claim_after = Duration::from_secs(5);
    let mut redis = server.connect().await?;
    let frame = frame()?;
    // A consumer that is dead leaves one behind.
    let mut ids = vec![append(&mut redis, "door", &frame).await?];
    let _: () =
        redis::cmd("XGROUP").arg(&["CREATE", "door", "detector-svc", "0"]).query_async(&mut redis).await?;
    let dead = ["GROUP", "detector-svc", "dead", "STREAMS", "door", ">"];
    let _: redis::Value = redis::cmd("XREADGROUP").arg(&dead).query_async(&mut redis).await?;
    let replicas = [Service::detector(settings.clone()).await?, Service::detector(settings).await?];
    for _ in 0..20 {
        ids.push(append(&mut redis, "door", &frame).await?);
    }
    assert_eq!(crate::fixture::all_published(&mut redis, "door", &ids).await?, 0);
    for replica in replicas {
        replica.stop().await?;
    }
    Ok(())
}
