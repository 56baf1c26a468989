//! Callers who have objects tracked from one request to the next.

use std::{collections::BTreeMap, io::Cursor, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use image::{ImageFormat, RgbImage};
use vision_proto::detector::v1::{
    DetectRequest, DetectResponse, DetectStreamRequest, detect_stream_response::Result as Outcome,
    detector_service_client::DetectorServiceClient,
};
use vision_tests::{
    frames,
    service::{Service, detector_settings},
};

use crate::fixture::settled;

/// Sessions whose requests come over one stream.
const SESSIONS: usize = 8;

async fn detector() -> Result<Service> {
    let mut settings = detector_settings("", "");
    // However long a request waits for its turn.
    settings.track.lost_after = Duration::from_secs(600);
    Service::detector(settings).await
}

fn of(session: &str, image: &Bytes) -> DetectRequest {
    DetectRequest { image: image.clone(), track_stream: session.to_owned(), ..DetectRequest::default() }
}

/// Identities by what they were given to: whole pixels of the box's corner.
fn tracks(response: &DetectResponse) -> BTreeMap<(i64, i64), u64> {
    let tracked = response.detections.iter().filter_map(|detection| {
        let corner = detection.r#box?;
        Some(((corner.x_min.round() as i64, corner.y_min.round() as i64), detection.track_id?))
    });
    tracked.collect()
}

/// A large image with nothing in it, which takes longer to decode than a frame.
fn empty() -> Result<Bytes> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::new(3000, 2000).write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_keeps_its_identities_whatever_other_sessions_look_at() -> Result<()> {
    let detector = detector().await?;
    let mut client = DetectorServiceClient::connect(detector.endpoint()).await?;
    let (image, other, nothing): (Bytes, Bytes, _) =
        (frames::read("0002.jpg")?.into(), frames::read("0041.jpg")?.into(), empty()?);
    let ours = tracks(&client.detect(of("ours", &image)).await?.into_inner());
    assert!(!ours.is_empty());
    let theirs = tracks(&client.detect(of("theirs", &other)).await?.into_inner());
    assert!(theirs.len() > ours.len(), "{theirs:?}");
    for _ in 0..3 {
        assert_eq!(tracks(&client.detect(of("ours", &image)).await?.into_inner()), ours);
        client.detect(of("a third", &nothing)).await?;
        let untracked = client.detect(of("", &image)).await?.into_inner();
        assert!(!untracked.detections.is_empty() && tracks(&untracked).is_empty());
        assert_eq!(tracks(&client.detect(of("theirs", &other)).await?.into_inner()), theirs);
    }
    // One that has seen an empty image has nothing of the others, and wants to see an object twice.
    assert!(tracks(&client.detect(of("a third", &image)).await?.into_inner()).is_empty());
    assert_eq!(tracks(&client.detect(of("a third", &image)).await?.into_inner()).len(), ours.len());
    let page = settled(detector.http, 16).await?;
    assert_eq!(page.sum("active_tracks", &[]), (2 * ours.len() + theirs.len()) as f64);
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_stream_are_looked_at_in_their_sessions_order() -> Result<()> {
    let detector = detector().await?;
    let mut client = DetectorServiceClient::connect(detector.endpoint()).await?;
    let (image, nothing): (Bytes, _) = (frames::read("0002.jpg")?.into(), empty()?);
    // An object in the first image of all is tracked at once, a later one from the second image on: so the empty one
    // has to come first, although it is the slowest.
    let mut requests = Vec::new();
    for image in [&nothing, &image, &image, &image] {
        for session in 0..SESSIONS {
            let request = of(&session.to_string(), image);
            let request_id = requests.len().to_string();
            requests.push(DetectStreamRequest { request: Some(DetectRequest { request_id, ..request }) });
        }
    }
    let count = requests.len();
    let mut answers = client.detect_stream(tokio_stream::iter(requests)).await?.into_inner();
    let mut seen = vec![Vec::new(); SESSIONS];
    for number in 0..count {
        let answer = answers.message().await?.context("an answer is missing")?;
        let Some(Outcome::Response(response)) = answer.result else {
            anyhow::bail!("request {number} is answered with {answer:?}");
        };
        assert_eq!(response.request_id, number.to_string());
        seen[number % SESSIONS].push(tracks(&response));
    }
    assert!(answers.message().await?.is_none());
    for session in seen {
        assert!(session[0].is_empty() && session[1].is_empty() && !session[2].is_empty(), "{session:?}");
        assert_eq!(session[3], session[2]);
    }
    settled(detector.http, count as u64).await?;
    detector.stop().await
}
