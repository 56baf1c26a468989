//! Frames that are not looked at on purpose: those of a moving camera, and the less important of too many.

use anyhow::Result;
use detector_svc::{pipeline::Backpressure, redis_client::Policy};
use vision_tests::{
    frames::{self, Entry, STREAM},
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use super::{acknowledged, frame, with};
use crate::fixture::{all_published, append, detections_of, none_twice, settled};

/// Frames that arrive at once, far more than are looked at meanwhile.
const FLOOD: usize = 100;
/// Of so many frames one is important; together they fill the stream's queue.
const ONE_OF: usize = 10;

fn with_metadata(frame: &Entry, json: &str) -> Entry {
    with(frame.clone(), "metadata", json)
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_a_moving_camera_are_dropped_unless_they_are_asked_for() -> Result<()> {
    for policy in [Policy::Latest, Policy::Every] {
        let server = RedisServer::start().await?;
        let mut redis = server.connect().await?;
        let mut settings = detector_settings(&server.url(), "");
        settings.redis.policy = policy;
        let detector = Service::detector(settings.clone()).await?;
        let frame = frame()?;
        let still =
            with_metadata(&frame, r#"{"is_moving": false, "robot_moving": 0, "camera_moving": null}"#);
        let mut received = 0;
        for key in ["is_moving", "robot_moving", "camera_moving"] {
            append(&mut redis, STREAM, &with_metadata(&frame, &format!(r#"{{"{key}": true}}"#))).await?;
            received += 1;
            let page = settled(detector.http, received).await?;
            assert_eq!(page.sum("frames_dropped_total", &[("reason", "moving")]), received as f64);
        }
        let id = append(&mut redis, STREAM, &still).await?;
        detections_of(&mut redis, &id).await?;
        assert_eq!(frames::published(&mut redis).await?.len(), 1);
        detector.stop().await?;

        settings.publish.while_moving = true;
        let detector = Service::detector(settings).await?;
        let id = append(&mut redis, STREAM, &with_metadata(&frame, r#"{"is_moving": true}"#)).await?;
        detections_of(&mut redis, &id).await?;
        assert_eq!(settled(detector.http, 1).await?.ledger().success, 1.0);
        detector.stop().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn important_frames_survive_an_overload_and_others_give_way() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.redis.policy = Policy::Every;
    settings.batch.backpressure = Backpressure::Priority;
    settings.batch.frames_per_stream = FLOOD / ONE_OF;
    settings.batch.max_size = 1;
    settings.runtime.threads = 1;
    settings.image.threads = std::num::NonZeroUsize::MIN;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let frame = frame()?;
    let priorities = [0, 5].map(|priority| with_metadata(&frame, &format!(r#"{{"priority": {priority}}}"#)));
    let is_important = |number: &usize| number % ONE_OF == ONE_OF - 1;
    // All at once: the detector finds them all there.
    let mut flood = redis::pipe();
    for number in 0..FLOOD {
        flood.atomic().cmd("XADD").arg(STREAM).arg("*").arg(&priorities[usize::from(is_important(&number))]);
    }
    let ids: Vec<String> = flood.query_async(&mut redis).await?;
    let important: Vec<_> = (0..FLOOD).filter(is_important).map(|number| ids[number].clone()).collect();
    assert_eq!(all_published(&mut redis, STREAM, &important).await?, 0);
    acknowledged(&mut redis, STREAM).await?;
    let page = settled(detector.http, FLOOD as u64).await?;
    let dropped = page.sum("frames_dropped_total", &[("reason", "backpressure")]);
    assert!(dropped > 0.0, "{:?}", page.ledger());
    assert_eq!(page.ledger().success + dropped, FLOOD as f64, "{:?}", page.ledger());
    let published = frames::published(&mut redis).await?;
    none_twice(&published)?;
    assert_eq!(published.len() as f64, page.ledger().success);
    detector.stop().await
}
