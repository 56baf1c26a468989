//! A watcher that does not read what it asked for.

use anyhow::{Context as _, Result};
use detector_svc::{frame::FrameId, redis_client::Policy};
use tonic::transport::Endpoint;
use vision_proto::detector::v1::{WatchRequest, detector_service_client::DetectorServiceClient};
use vision_tests::{
    frames::{self, Entry},
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{append, settled};

/// A model that finds the same two objects in anything, in no time.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../detector-svc/tests/models/one-image.onnx");
/// Frames of the stream that is watched: more than are kept for a watcher and fit on the way to it.
const FRAMES: usize = 600;
/// Frames that are kept for a watcher.
const KEPT: usize = 256;
/// One frame of the other stream for so many of this one.
const OTHER: usize = 40;
/// Bytes that may be on the way to the watcher, the least that HTTP/2 allows to say.
const WINDOW: u32 = 512;

/// A small frame, so that many are looked at in a short time.
fn small() -> Entry {
    frames::raw(&[127; 16 * 16], 16, 16, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_does_not_read_loses_the_oldest_of_its_streams_and_is_told_how_many() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.redis.streams = ["door", "hall"].map(str::to_owned).to_vec();
    settings.redis.policy = Policy::Every;
    settings.model.path = MODEL.into();
    settings.batch.max_size = 1;
    settings.publish.objects_max_len = 10_000;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let watch = |stream: &str| WatchRequest { streams: vec![stream.to_owned()] };
    let narrow = Endpoint::from_shared(detector.endpoint())?.initial_stream_window_size(WINDOW);
    let mut lazy =
        DetectorServiceClient::new(narrow.connect().await?).watch(watch("door")).await?.into_inner();
    let mut client = DetectorServiceClient::connect(detector.endpoint()).await?;
    let mut eager = client.watch(watch("hall")).await?.into_inner();

    let (mut door, mut hall) = (Vec::new(), Vec::new());
    for number in 0..FRAMES {
        door.push(append(&mut redis, "door", &small()).await?);
        if number % OTHER == 0 {
            hall.push(append(&mut redis, "hall", &small()).await?);
        }
    }
    let page = settled(detector.http, (door.len() + hall.len()) as u64).await?;
    assert_eq!(page.ledger().success, page.ledger().received);

    for id in &hall {
        let seen = eager.message().await?.context("the watch has ended")?;
        assert_eq!((seen.frame_id.as_str(), seen.missed), (id.as_str(), 0));
    }
    let (mut seen, mut missed) = (Vec::new(), 0);
    while seen.last() != door.last() {
        let next = lazy.message().await?.context("the watch has ended")?;
        assert_eq!(next.stream, "door");
        missed += next.missed as usize;
        seen.push(next.frame_id);
    }
    assert!(missed > 0, "{} were read", seen.len());
    assert_eq!(seen.len() + missed, FRAMES);
    assert!(seen.is_sorted_by_key(|id| FrameId::parse(id)));
    // What was kept is the newest.
    assert_eq!(seen[seen.len() - KEPT..], door[FRAMES - KEPT..]);
    detector.stop().await
}
