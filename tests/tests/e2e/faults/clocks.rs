//! Cameras whose clocks jump or stand still.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use detector_svc::pipeline::AgeSince;
use serde_json::Value;
use vision_tests::{
    frames::{self, Entry, Published, STREAM},
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use super::{frame, with};
use crate::fixture::{append, detections_of, none_twice, settled};

const HOUR: f64 = 3600.0;

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

fn captured(frame: &Entry, seconds: f64) -> Entry {
    with(frame.clone(), "timestamp", &seconds.to_string())
}

/// Identities of the objects in a frame.
fn tracks(published: &Published) -> Result<BTreeSet<u64>> {
    let objects: Value = serde_json::from_str(published.field("objects"))?;
    let objects = objects.as_array().context("objects are no list")?;
    Ok(objects.iter().filter_map(|object| object["track_id"].as_u64()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_keep_their_identity_when_time_jumps_back_or_stands_still() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.track.lost_after = Duration::from_secs(60);
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let (frame, start) = (frame()?, now()?);
    let mut seen = Vec::new();
    for offset in [0.0, 0.1, 0.1, 0.1, -HOUR, 0.1 - HOUR, -2.0 * HOUR, -2.0 * HOUR, HOUR, HOUR, HOUR + 0.1] {
        let id = append(&mut redis, STREAM, &captured(&frame, start + offset)).await?;
        let published = detections_of(&mut redis, &id).await?;
        let told: f64 = published.field("capture_timestamp").parse()?;
        assert!((told - (start + offset)).abs() < 1e-3, "{told}");
        seen.push(tracks(&published)?);
    }
    assert!(!seen[0].is_empty());
    assert!(seen[..8].iter().all(|ids| *ids == seen[0]), "{seen:?}");
    // Nobody knows what happened in three hours: other tracks begin, as soon as a second frame confirms them.
    assert_eq!(seen[9].len(), seen[0].len(), "{seen:?}");
    assert!(seen[9].is_disjoint(&seen[0]) && seen[10] == seen[9], "{seen:?}");
    let page = settled(detector.http, seen.len() as u64).await?;
    assert_eq!(page.ledger().success, seen.len() as f64);
    assert_eq!(page.sum("tracks_created_total", &[]), 2.0 * seen[0].len() as f64);
    assert_eq!(page.sum("active_tracks", &[]), seen[0].len() as f64);
    none_twice(&frames::published(&mut redis).await?)?;
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_from_the_future_are_as_young_as_can_be_and_old_ones_expire() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.batch.max_age = Duration::from_secs(50);
    settings.batch.max_age_since = AgeSince::Capture;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let (frame, start) = (frame()?, now()?);
    for offset in [HOUR, 24.0 * HOUR, HOUR, 1e6 * HOUR] {
        let id = append(&mut redis, STREAM, &captured(&frame, start + offset)).await?;
        detections_of(&mut redis, &id).await?;
    }
    let page = settled(detector.http, 4).await?;
    assert_eq!((page.count("frame_age_seconds"), page.total("frame_age_seconds")), (4.0, 0.0));
    append(&mut redis, STREAM, &captured(&frame, start - HOUR)).await?;
    let page = settled(detector.http, 5).await?;
    assert_eq!(page.sum("frames_dropped_total", &[("reason", "expired")]), 1.0);
    assert_eq!(page.ledger().success, 4.0);
    detector.stop().await
}
