//! The policy `every`: no frame is lost, whatever happens to the detector, its group or the stream.
#![expect(clippy::print_stdout, reason = "figures")]

use std::time::Duration;

use anyhow::{Result, ensure};
use detector_svc::redis_client::Policy;
use redis::aio::MultiplexedConnection;
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry, STREAM},
    page::MetricsPage,
    process::Process,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{all_published, append, detections_of, none_twice};

const GROUP: &str = "detector-svc";

fn frame() -> Result<Entry> {
    Ok(frames::jpeg(&frames::read("0002.jpg")?))
}

fn settings(redis: &RedisServer) -> detector_svc::Settings {
    let mut settings = detector_settings(&redis.url(), "");
    settings.redis.policy = Policy::Every;
    settings.ownership.lease = Duration::from_millis(500);
    settings
}

async fn command(redis: &mut MultiplexedConnection, words: &[&str]) -> Result<()> {
    let mut command = redis::cmd(words[0]);
    Ok(command.arg(&words[1..]).query_async(redis).await?)
}

/// Waits until nothing is pending.
async fn acknowledged(redis: &mut MultiplexedConnection) -> Result<()> {
    eventually("acknowledgement of every frame", async || {
        let pending: redis::Value = redis::cmd("XPENDING").arg(STREAM).arg(GROUP).query_async(redis).await?;
        let count = pending.as_sequence().and_then(|summary| summary.first()).cloned();
        ensure!(count == Some(redis::Value::Int(0)), "{pending:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_published_although_the_detector_is_killed_at_any_moment() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let mut ids = Vec::new();
    for round in 0..4 {
        let detector = Process::start("detector-svc", &settings(&server)).await?;
        for _ in 0..12 {
            ids.push(append(&mut redis, STREAM, &frame).await?);
        }
        let published = frames::published(&mut redis).await?.len();
        // Somewhere in the middle of what waits.
        let more = rand::random_range(0..12);
        eventually("some progress", async || {
            let now = frames::published(&mut redis).await?.len();
            ensure!(now >= published + more, "{now} in round {round}");
            Ok(())
        })
        .await?;
        detector.kill().await?;
    }
    let last = Process::start("detector-svc", &settings(&server)).await?;
    let twice = all_published(&mut redis, STREAM, &ids).await?;
    println!("{} frames, {twice} of them published more than once", ids.len());
    acknowledged(&mut redis).await?;
    let consumers: Vec<redis::Value> =
        redis::cmd("XINFO").arg("CONSUMERS").arg(STREAM).arg(GROUP).query_async(&mut redis).await?;
    assert_eq!(consumers.len(), 1, "dead consumers are removed: {consumers:?}");
    last.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_frames_are_claimed_and_those_that_never_get_a_verdict_are_given_up() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let poison = append(&mut redis, STREAM, &frame).await?;
    let trimmed = append(&mut redis, STREAM, &frame).await?;
    let pending = append(&mut redis, STREAM, &frame).await?;
    command(&mut redis, &["XGROUP", "CREATE", STREAM, GROUP, "0"]).await?;
    command(&mut redis, &["XREADGROUP", "GROUP", GROUP, "dead", "COUNT", "3", "STREAMS", STREAM, ">"])
        .await?;
    command(&mut redis, &["XCLAIM", STREAM, GROUP, "dead", "0", &poison, "RETRYCOUNT", "5"]).await?;
    command(&mut redis, &["XCLAIM", STREAM, GROUP, "dead", "0", &pending, "RETRYCOUNT", "4"]).await?;
    command(&mut redis, &["XDEL", STREAM, &trimmed]).await?;
    let detector = Service::detector(settings(&server)).await?;
    let bad = append(&mut redis, STREAM, &frames::entry(&[("format", "bmp")], b"AAAA".to_vec())).await?;
    let next = append(&mut redis, STREAM, &frame).await?;
    assert_eq!(all_published(&mut redis, STREAM, &[pending, next]).await?, 0);
    acknowledged(&mut redis).await?;
    let page = eventually("a verdict on each", async || {
        let page = MetricsPage::read(detector.http).await?;
        ensure!(page.ledger().received == 5.0 && page.ledger().in_flight == 0.0, "{:?}", page.ledger());
        Ok(page)
    })
    .await?;
    assert_eq!(page.sum("errors_total", &[("error_type", "poison")]), 1.0, "{poison}");
    assert_eq!(page.sum("errors_total", &[("error_type", "invalid")]), 1.0, "{bad}");
    assert_eq!(page.sum("frames_dropped_total", &[("reason", "trimmed")]), 1.0);
    assert_eq!(page.ledger().success, 2.0);
    assert!(page.ledger().balances());
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_or_stream_that_is_deleted_while_it_is_read_is_made_again() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let detector = Service::detector(settings(&server)).await?;
    let frame = frame()?;
    let mut received = 0.0;
    for delete in [
        vec!["XGROUP", "DESTROY", STREAM, GROUP],
        vec!["DEL", STREAM],
        vec!["XGROUP", "DESTROY", STREAM, GROUP],
    ] {
        for _ in 0..3 {
            let id = append(&mut redis, STREAM, &frame).await?;
            detections_of(&mut redis, &id).await?;
        }
        command(&mut redis, &delete).await?;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(append(&mut redis, STREAM, &frame).await?);
        }
        all_published(&mut redis, STREAM, &ids).await?;
        received += 6.0;
    }
    none_twice(&frames::published(&mut redis).await?)?;
    acknowledged(&mut redis).await?;
    let ledger = MetricsPage::read(detector.http).await?.ledger();
    assert_eq!((ledger.received, ledger.success), (received, received));
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_trimmed_unread_are_counted_over_restarts() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    // What was trimmed before anybody asked for it is nobody's.
    for _ in 0..5 {
        append(&mut redis, STREAM, &frame).await?;
    }
    command(&mut redis, &["XTRIM", STREAM, "MAXLEN", "2"]).await?;
    let mut expected = (2.0, 0.0);
    for (added, kept) in [(10, 3), (4, 4), (7, 1)] {
        let detector = Service::detector(settings(&server)).await?;
        let page = eventually("a verdict on each", async || {
            let page = MetricsPage::read(detector.http).await?;
            let seen = (page.ledger().success, page.sum("frames_dropped_total", &[("reason", "trimmed")]));
            ensure!(seen == expected && page.ledger().balances(), "{seen:?}, not {expected:?}");
            Ok(page)
        })
        .await?;
        assert_eq!(page.ledger().in_flight, 0.0);
        detector.stop().await?;
        for _ in 0..added {
            append(&mut redis, STREAM, &frame).await?;
        }
        command(&mut redis, &["XTRIM", STREAM, "MAXLEN", &kept.to_string()]).await?;
        expected = (f64::from(kept), f64::from(added - kept));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_survive_the_loss_of_the_connection() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let detector = Service::detector(settings(&server)).await?;
    let frame = frame()?;
    let mut ids = Vec::new();
    for _ in 0..5 {
        for _ in 0..4 {
            ids.push(append(&mut redis, STREAM, &frame).await?);
        }
        command(&mut redis, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await?;
    }
    all_published(&mut redis, STREAM, &ids).await?;
    acknowledged(&mut redis).await?;
    detector.ready().await?;
    detector.stop().await
}
