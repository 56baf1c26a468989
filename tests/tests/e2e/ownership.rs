//! Replicas share the streams: each has one owner, and they move when replicas come and go.
#![expect(clippy::print_stdout, reason = "figures")]

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use detector_svc::{ownership::OwnershipKeys, redis_client::Policy};
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    process::Process,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{all_published, append, none_twice};

/// Streams that are shared.
const STREAMS: usize = 8;

fn stream(number: usize) -> String {
    format!("camera:{number}")
}

fn frame() -> Result<Entry> {
    Ok(frames::jpeg(&frames::read("0002.jpg")?))
}

fn settings(redis: &RedisServer, replica: &str, policy: Policy) -> detector_svc::Settings {
    let mut settings = detector_settings(&redis.url(), "");
    settings.redis.streams = (0..STREAMS).map(stream).collect();
    settings.redis.policy = policy;
    settings.ownership.replica_id = replica.to_owned();
    settings.runtime.threads = 1;
    settings
}

/// Waits until the streams are these replicas', as even as can be; tells how long that took.
async fn spread(redis: &mut MultiplexedConnection, replicas: &[&str]) -> Result<Duration> {
    let begun = Instant::now();
    let keys = OwnershipKeys::new(frames::OBJECTS);
    let leases: Vec<_> = (0..STREAMS).map(|number| keys.lease(&stream(number))).collect();
    eventually("an even spread", async || {
        let tokens: Vec<Option<String>> = redis::cmd("MGET").arg(&leases).query_async(redis).await?;
        let mut counts: BTreeMap<&str, usize> = replicas.iter().map(|replica| (*replica, 0)).collect();
        for token in tokens.iter().flatten() {
            let owner = token.split(':').next().unwrap_or_default();
            *counts.get_mut(owner).ok_or_else(|| anyhow::anyhow!("{token} owns a stream"))? += 1;
        }
        let even = counts.values().all(|count| count.abs_diff(STREAMS / replicas.len()) <= 1);
        let all = counts.values().sum::<usize>() == STREAMS;
        let least = counts.values().min().copied().unwrap_or_default();
        let most = counts.values().max().copied().unwrap_or_default();
        ensure!(all && even && most - least <= 1, "{counts:?}");
        Ok(())
    })
    .await?;
    Ok(begun.elapsed())
}

/// Publishes a frame to each stream and waits for its detections.
async fn detect_in_each(redis: &mut MultiplexedConnection, entry: &Entry) -> Result<()> {
    let mut ids = Vec::new();
    for number in 0..STREAMS {
        ids.push(append(redis, &stream(number), entry).await?);
    }
    for (number, id) in ids.into_iter().enumerate() {
        ensure!(all_published(redis, &stream(number), &[id]).await? == 0, "{number} was published twice");
    }
    Ok(())
}

async fn replicas_come_and_go(policy: Policy) -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let first = Service::detector(settings(&server, "first", policy)).await?;
    spread(&mut redis, &["first"]).await?;
    detect_in_each(&mut redis, &frame).await?;
    let second = Process::start("detector-svc", &settings(&server, "second", policy)).await?;
    println!("a second replica has its share after {:?}", spread(&mut redis, &["first", "second"]).await?);
    detect_in_each(&mut redis, &frame).await?;
    let third = Service::detector(settings(&server, "third", policy)).await?;
    println!("a third one after {:?}", spread(&mut redis, &["first", "second", "third"]).await?);
    detect_in_each(&mut redis, &frame).await?;
    second.kill().await?;
    println!(
        "others have the streams of a killed one after {:?}",
        spread(&mut redis, &["first", "third"]).await?
    );
    detect_in_each(&mut redis, &frame).await?;
    first.stop().await?;
    println!("those of one that ended after {:?}", spread(&mut redis, &["third"]).await?);
    detect_in_each(&mut redis, &frame).await?;
    none_twice(&frames::published(&mut redis).await?)?;
    third.stop().await?;
    let keys = OwnershipKeys::new(frames::OBJECTS);
    let left: u64 = redis::cmd("EXISTS").arg(keys.replicas()).query_async(&mut redis).await?;
    assert_eq!(left, 0, "nobody is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_has_one_owner_while_replicas_come_and_go_under_latest() -> Result<()> {
    replicas_come_and_go(Policy::Latest).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_has_one_owner_while_replicas_come_and_go_under_every() -> Result<()> {
    replicas_come_and_go(Policy::Every).await
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_handed_over_without_losing_or_doubling_a_frame() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let patient = |replica| {
        let mut settings = settings(&server, replica, Policy::Every);
        // Frames in flight get the time of a lease, which a machine that does something else, too, may need.
        settings.ownership.lease = Duration::from_secs(20);
        settings.shutdown.grace = Duration::from_secs(30);
        settings
    };
    let first = Service::detector(patient("first")).await?;
    let mut ids = vec![Vec::new(); STREAMS];
    let mut publish = async |redis: &mut MultiplexedConnection| -> Result<()> {
        for (number, ids) in ids.iter_mut().enumerate() {
            for _ in 0..4 {
                ids.push(append(redis, &stream(number), &frame).await?);
            }
        }
        Ok(())
    };
    publish(&mut redis).await?;
    let second = Service::detector(patient("second")).await?;
    publish(&mut redis).await?;
    spread(&mut redis, &["first", "second"]).await?;
    publish(&mut redis).await?;
    first.stop().await?;
    spread(&mut redis, &["second"]).await?;
    for (number, ids) in ids.iter().enumerate() {
        let twice = all_published(&mut redis, &stream(number), ids).await?;
        assert_eq!(twice, 0, "{twice} frames of {} were published twice", stream(number));
    }
    second.stop().await
}
