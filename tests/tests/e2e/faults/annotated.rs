//! Frames with what was found drawn in, and the identities of what was found.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use detector_svc::{
    frame::{Encoding, FileFormat, Payload},
    image::{ColorOrder, Limits, decode},
};
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use vision_tests::{
    eventually::eventually,
    frames::{self, STREAM},
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use super::{frame, shown};
use crate::fixture::{append, detections_of, none_twice, settled};

/// Stream that annotated frames are published to.
const ANNOTATED: &str = "annotated_camera";
/// Frames that are looked at.
const FRAMES: u64 = 4;

type Fields = std::collections::HashMap<String, String>;

/// Waits for the annotated frame of this number, counted from 1.
async fn annotated(redis: &mut MultiplexedConnection, number: u64) -> Result<Fields> {
    eventually("an annotated frame", async || {
        let entries: Vec<(String, Fields)> =
            redis::cmd("XRANGE").arg(ANNOTATED).arg("-").arg("+").query_async(redis).await?;
        ensure!(entries.len() as u64 == number, "{} entries, not {number}", entries.len());
        entries.into_iter().last().map(|(_, fields)| fields).context("no entry")
    })
    .await
}

/// Checks that an entry is a camera's frame with a picture of the original's size, which was drawn into.
fn check_image(fields: &Fields, original: &[u8]) -> Result<()> {
    for (field, value) in
        [("format", "jpeg"), ("width", "768"), ("height", "576"), ("channels", "3"), ("dtype", "uint8")]
    {
        assert_eq!(fields[field], value, "{field}");
    }
    assert_eq!(fields["timestamp"], "1732280000.5");
    let limits = Limits { max_side: 1000, max_pixels: 1_000_000 };
    let pixels = |bytes: Vec<u8>, base64| {
        let payload = Payload { bytes: bytes.into(), base64, encoding: Encoding::File(FileFormat::Jpeg) };
        decode(&payload, ColorOrder::Bgr, limits)
    };
    let image = pixels(fields["image_data"].clone().into_bytes(), true)?;
    let original = pixels(original.to_vec(), false)?;
    assert_eq!((image.width, image.height), (768, 576));
    let drawn = image.pixels.iter().zip(&original.pixels).filter(|(new, old)| new.abs_diff(**old) > 64);
    let share = drawn.count() as f64 / image.pixels.len() as f64;
    assert!((0.0005..0.2).contains(&share), "{share} of the picture has changed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn annotated_frames_are_camera_frames_and_objects_have_identities() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.annotate.enabled = true;
    let detector = Service::detector(settings).await?;
    let mut redis = server.connect().await?;
    let (frame, jpeg) = (frame()?, frames::read("0002.jpg")?);
    let mut tracks = BTreeSet::new();
    for number in 1..=FRAMES {
        let id = append(&mut redis, STREAM, &frame).await?;
        let published = detections_of(&mut redis, &id).await?;
        let objects: Vec<Value> = serde_json::from_str(published.field("objects"))?;
        let tracked: BTreeSet<u64> =
            objects.iter().filter_map(|object| object["track_id"].as_u64()).collect();
        assert!(!tracked.is_empty() && tracked.len() < objects.len(), "{objects:?}");
        for object in objects.iter().filter(|object| object["track_id"].is_u64()) {
            assert_eq!(object["id"], format!("{}_{}", object["label"].as_str().unwrap(), object["track_id"]));
        }
        tracks.insert(tracked);

        let fields = annotated(&mut redis, number).await?;
        check_image(&fields, &jpeg)?;
        let metadata: Value = serde_json::from_str(&fields["metadata"])?;
        assert_eq!(metadata["frame_id"], id);
        assert_eq!(metadata["annotated"], true);
        assert_eq!(metadata["detection_count"], objects.len());
        assert_eq!(metadata["model_id"], "nanodet-g-416");
        assert_eq!(metadata["robot_pose"]["x"], 1.5, "the frame's own metadata");
    }
    assert_eq!(tracks.len(), 1, "objects that stand still keep their identities");
    let count = tracks.first().map_or(0, BTreeSet::len) as f64;
    shown(detector.http, "annotated frames", |page| {
        page.sum("annotations_created_total", &[]) == FRAMES as f64
    })
    .await?;
    let page = settled(detector.http, FRAMES).await?;
    assert_eq!(page.sum("annotation_errors_total", &[]), 0.0);
    assert_eq!((page.sum("active_tracks", &[]), page.sum("tracks_created_total", &[])), (count, count));
    assert_eq!(page.sum("tracks_confirmed_total", &[]), count);
    none_twice(&frames::published(&mut redis).await?)?;
    detector.stop().await
}
