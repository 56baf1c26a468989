//! What is no frame is counted, told and passed over; what is no request is refused with its reason.

use anyhow::Result;
use tonic::Code;
use vision_proto::detector::v1::{DetectRequest, detector_service_client::DetectorServiceClient};
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{Fixture, detections_of, none_twice, settled};

/// Callers who are served before one who has no time to wait.
const OTHERS: u64 = 50;

/// A JPEG whose header claims 40,000 pixels a side.
fn huge(jpeg: &[u8]) -> Vec<u8> {
    let mut huge = jpeg.to_vec();
    let header = huge.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    huge[header + 5..header + 9].copy_from_slice(&[0x9C, 0x40, 0x9C, 0x40]);
    huge
}

fn binary(format: &str, bytes: Vec<u8>) -> Entry {
    frames::entry(&[("format", format), ("encoding", "binary")], bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_no_frames_fail_and_the_next_frame_works() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let jpeg = frames::read("0000.jpg")?;
    let without =
        |field: &str| frames::jpeg(&jpeg).into_iter().filter(|(name, _)| name != field).collect::<Entry>();
    let invalid = [
        without("image_data"),
        without("format"),
        frames::entry(&[("format", "bmp")], b"AAAA".to_vec()),
        frames::raw(&[0; 12], 0, 2, 3),
        frames::raw(&[0; 12], 2, 20_000, 3),
        frames::raw(&[0; 12], 2, 2, 5),
    ];
    let undecodable = [
        frames::raw(&[0; 11], 2, 2, 3),
        binary("jpeg", jpeg[..jpeg.len() / 2].to_vec()),
        binary("jpeg", huge(&jpeg)),
        binary("jpeg", b"\xFF\xD8\xFF\xE0 and nothing else".to_vec()),
        binary("png", jpeg.clone()),
        binary("webp", Vec::new()),
        frames::entry(&[("format", "jpeg")], b"this is not base64!".to_vec()),
    ];
    let mut received = 0;
    for bad in invalid.iter().chain(&undecodable) {
        frames::publish(&mut fixture.redis, frames::STREAM, bad).await?;
        received += 1;
        let page = fixture.settled(received).await?;
        assert_eq!(page.ledger().failure, received as f64, "entry {received}");
    }
    fixture.detect(&frames::jpeg(&jpeg)).await?;
    let page = fixture.settled(received + 1).await?;
    assert_eq!(page.ledger().success, 1.0);
    assert_eq!(page.sum("errors_total", &[("error_type", "invalid")]), invalid.len() as f64);
    assert_eq!(page.sum("errors_total", &[("error_type", "decode")]), undecodable.len() as f64);
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_none_are_refused_with_their_reason() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = DetectorServiceClient::connect(fixture.detector.endpoint()).await?;
    let jpeg = frames::read("0000.jpg")?;
    let of = |image: Vec<u8>| DetectRequest { image: image.into(), ..DetectRequest::default() };
    let good = of(jpeg.clone());
    let cases = [
        (of(Vec::new()), Code::InvalidArgument, "image: is empty"),
        (of(jpeg[..1000].to_vec()), Code::InvalidArgument, "not a readable jpeg image"),
        (of(huge(&jpeg)), Code::InvalidArgument, "40000x40000"),
        (of(vec![0xFF; 40 << 20]), Code::InvalidArgument, "too large"),
        (of(b"GIF89a".to_vec()), Code::InvalidArgument, "not a JPEG, PNG or WebP image"),
        (DetectRequest { confidence_threshold: Some(1.5), ..good.clone() }, Code::InvalidArgument, "1.5"),
        (
            DetectRequest { confidence_threshold: Some(f32::NAN), ..good.clone() },
            Code::InvalidArgument,
            "NaN",
        ),
        (DetectRequest { max_detections: Some(0), ..good.clone() }, Code::InvalidArgument, "max_detections"),
        (
            DetectRequest { labels: vec!["dragon".to_owned()], ..good.clone() },
            Code::InvalidArgument,
            "dragon",
        ),
        (DetectRequest { include_masks: true, ..good.clone() }, Code::FailedPrecondition, "no masks"),
    ];
    for (request, code, reason) in cases {
        let status = client.detect(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(reason), "{status}");
    }
    assert!(!client.detect(good).await?.into_inner().detections.is_empty());
    fixture.settled(4).await?;
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_accounted_for_to_the_last_frame() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let good = frames::jpeg(&frames::read("0001.jpg")?);
    let bad = frames::entry(&[("format", "jpeg")], b"????".to_vec());
    for number in 0..400 {
        let entry = if number % 7 == 0 { &bad } else { &good };
        frames::publish(&mut fixture.redis, frames::STREAM, entry).await?;
    }
    let page = fixture.settled(400).await?;
    let dropped = |reason| page.sum("frames_dropped_total", &[("reason", reason)]);
    assert!(dropped("superseded") + dropped("trimmed") > 0.0, "{:?}", page.ledger());
    assert!(page.ledger().success > 0.0);
    let published = frames::published(&mut fixture.redis).await?;
    assert_eq!(published.len() as f64, page.ledger().success);
    none_twice(&published)?;
    let ids: Vec<_> = published.iter().map(|p| p.field("frame_id").to_owned()).collect();
    assert!(ids.is_sorted_by_key(|id| detector_svc::frame::FrameId::parse(id)), "order of the stream");
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_before_inference_is_honoured() -> Result<()> {
    let detector = Service::detector(detector_settings("", "")).await?;
    let client = DetectorServiceClient::connect(detector.endpoint()).await?;
    let image: bytes::Bytes = frames::read("0000.jpg")?.into();
    let request = || DetectRequest { image: image.clone(), ..DetectRequest::default() };
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..OTHERS {
        let (mut client, request) = (client.clone(), request());
        others.spawn(async move { client.detect(request).await });
    }
    eventually("a queue of callers", async || {
        let received = MetricsPage::read(detector.http).await?.ledger().received;
        anyhow::ensure!(received == OTHERS as f64, "{received}");
        Ok(())
    })
    .await?;
    let mut hurried = tonic::Request::new(request());
    // Set by hand, so that the client does not watch the time itself.
    hurried.metadata_mut().insert("grpc-timeout", "30m".parse()?);
    let status = client.clone().detect(hurried).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    for answer in others.join_all().await {
        answer?;
    }
    let page = settled(detector.http, OTHERS + 1).await?;
    assert_eq!(page.sum("frames_dropped_total", &[("reason", "expired")]), 1.0);
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_stream_does_not_stop_the_others() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let mut redis = redis_server.connect().await?;
    redis::cmd("SET").arg("no_stream").arg("x").query_async::<()>(&mut redis).await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.redis.streams = ["no_stream", frames::STREAM, "later"].map(str::to_owned).to_vec();
    let detector = Service::detector(settings).await?;
    let frame = frames::jpeg(&frames::read("0000.jpg")?);
    for stream in [frames::STREAM, "later"] {
        let id = frames::publish(&mut redis, stream, &frame).await?;
        detections_of(&mut redis, &id).await?;
        redis::cmd("DEL").arg(stream).query_async::<()>(&mut redis).await?;
        redis::cmd("SET").arg(stream).arg("x").query_async::<()>(&mut redis).await?;
    }
    redis::cmd("DEL").arg("no_stream").query_async::<()>(&mut redis).await?;
    let id = frames::publish(&mut redis, "no_stream", &frame).await?;
    detections_of(&mut redis, &id).await?;
    settled(detector.http, 3).await?;
    detector.stop().await
}
