//! What is found in real frames is what Python finds, whichever way they come.

use anyhow::Result;
use detector_svc::{
    frame::{Encoding, Payload},
    image::{ColorOrder, Limits, decode},
};
use serde::Deserialize;
use vision_proto::detector::v1::{
    DetectRequest, GetModelRequest, WatchRequest, detector_service_client::DetectorServiceClient,
};
use vision_tests::{
    frames::{self, Published},
    golden::{self, Found},
};

use crate::fixture::Fixture;

/// The part of a published object that is compared.
#[derive(Deserialize)]
struct Object {
    class_name: String,
    label: String,
    confidence: f32,
    bbox: Corners,
}

#[derive(Deserialize)]
struct Corners {
    x_min: f32,
    y_min: f32,
    x_max: f32,
    y_max: f32,
}

fn found(published: &Published) -> Vec<Found> {
    let objects: Vec<Object> = serde_json::from_str(published.field("objects")).unwrap();
    let found = objects.into_iter().map(|object| {
        assert_eq!(object.class_name, object.label);
        let Corners { x_min, y_min, x_max, y_max } = object.bbox;
        Found { label: object.label, confidence: object.confidence, corners: [x_min, y_min, x_max, y_max] }
    });
    found.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_through_redis_are_detected_as_python_detects_them() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let golden = golden::read()?;
    for (name, expected) in &golden {
        let published = fixture.detect(&frames::jpeg(&frames::read(name)?)).await?;
        golden::compare(expected, &found(&published)).map_err(|error| error.context(name.clone()))?;
        assert_eq!(published.field("source_stream"), frames::STREAM);
        assert_eq!(published.field("camera_pose"), r#"{"x":1.5}"#);
        assert_eq!(published.field("capture_timestamp"), "1732280000.5");
        assert_eq!((published.field("image_width"), published.field("image_height")), ("768", "576"));
    }
    let page = fixture.settled(golden.len() as u64).await?;
    let expected: f64 = golden.values().map(|found| found.len() as f64).sum();
    let detected = page.sum("detections_total", &[("model", "nanodet-g-416")]);
    assert!((detected - expected).abs() <= 0.05 * expected, "{detected} detections, Python found {expected}");
    assert_eq!(page.count("detection_confidence"), detected);
    assert_eq!(page.count("frame_age_seconds"), golden.len() as f64);
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_leads_to_the_same_detections() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let name = "0010.jpg";
    let jpeg = frames::read(name)?;
    let expected = golden::read()?.remove(name).unwrap();
    let payload = Payload { bytes: jpeg.clone().into(), base64: false, encoding: Encoding::AnyFile };
    let image = decode(&payload, ColorOrder::Bgr, Limits { max_side: 1000, max_pixels: 1_000_000 })?;
    let bgra: Vec<u8> = image.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let mut png = std::io::Cursor::new(Vec::new());
    let rgb = image.pixels.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
    image::RgbImage::from_raw(768, 576, rgb).unwrap().write_to(&mut png, image::ImageFormat::Png)?;
    for entry in [
        frames::raw(&image.pixels, 768, 576, 3),
        frames::raw(&bgra, 768, 576, 4),
        frames::entry(&[("format", "jpeg"), ("encoding", "binary")], jpeg),
        frames::entry(&[("format", "png"), ("encoding", "binary")], png.into_inner()),
    ] {
        golden::compare(&expected, &found(&fixture.detect(&entry).await?))?;
    }
    let grey: Vec<u8> = image.pixels.chunks_exact(3).map(|p| p[1]).collect();
    let published = fixture.detect(&frames::raw(&grey, 768, 576, 1)).await?;
    assert!(found(&published).iter().any(|found| found.label == "person"), "people are people in grey, too");
    fixture.settled(5).await?;
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gets_what_python_finds_and_can_narrow_it_down() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = DetectorServiceClient::connect(fixture.detector.endpoint()).await?;
    let name = "0020.jpg";
    let image: bytes::Bytes = frames::read(name)?.into();
    let request =
        || DetectRequest { image: image.clone(), request_id: "r".to_owned(), ..DetectRequest::default() };
    let response = client.detect(request()).await?.into_inner();
    let all: Vec<Found> = response
        .detections
        .iter()
        .map(|detection| {
            let corners = detection.r#box.unwrap();
            let corners = [corners.x_min, corners.y_min, corners.x_max, corners.y_max];
            Found { label: detection.label.clone(), confidence: detection.confidence, corners }
        })
        .collect();
    golden::compare(&golden::read()?[name], &all)?;
    assert_eq!((response.request_id.as_str(), response.model_id.as_str()), ("r", "nanodet-g-416"));
    assert_eq!((response.image_width, response.image_height), (768, 576));
    assert!(response.timings.unwrap().batch_size >= 1);
    assert!(all.is_sorted_by(|a, b| a.confidence >= b.confidence));

    let cars = DetectRequest { labels: vec!["car".to_owned()], ..request() };
    let cars = client.detect(cars).await?.into_inner().detections;
    assert_eq!(cars.len(), all.iter().filter(|found| found.label == "car").count());
    let best = DetectRequest { max_detections: Some(1), ..request() };
    assert_eq!(client.detect(best).await?.into_inner().detections.len(), 1);
    let more = DetectRequest { confidence_threshold: Some(0.1), ..request() };
    assert!(client.detect(more).await?.into_inner().detections.len() > all.len());

    let model = client.get_model(GetModelRequest {}).await?.into_inner();
    assert_eq!((model.family.as_str(), model.provider.as_str()), ("boxes_scores", "cpu"));
    assert_eq!((model.input_width, model.input_height, model.labels.len()), (416, 416, 80));
    fixture.settled(4).await?;
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_watch_see_the_streams_they_asked_for() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let mut client = DetectorServiceClient::connect(fixture.detector.endpoint()).await?;
    let watch = |pattern: &str| WatchRequest { streams: vec![pattern.to_owned()] };
    let mut ours = client.watch(watch("robot_*")).await?.into_inner();
    let mut others = client.watch(watch("other")).await?.into_inner();
    let published = fixture.detect(&frames::jpeg(&frames::read("0000.jpg")?)).await?;
    let seen = ours.message().await?.unwrap();
    assert_eq!((seen.stream.as_str(), seen.missed), (frames::STREAM, 0));
    assert_eq!(seen.frame_id, published.field("frame_id"));
    assert_eq!(seen.detections.len(), found(&published).len());
    fixture.stop().await?;
    assert!(others.message().await?.is_none(), "nothing of another stream was published");
    Ok(())
}
