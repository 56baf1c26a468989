//! A model that is asked in words: by the settings, by a caller, and by the stream of labels while it runs.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Result, ensure};
use redis::{Value, aio::MultiplexedConnection};
use serde_json::json;
use tonic::{Code, transport::Channel};
use vision_proto::detector::v1::{
    DetectRequest, GetModelRequest, detector_service_client::DetectorServiceClient,
};
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry, Published},
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::detections_of;

const QUERIES: [&str; 4] = ["a photo of a person", "a car", "street lamp", "bag"];
const OTHERS: [&str; 2] = ["umbrella", "a photo of a person"];
const LABELS: &str = "detectable_labels";

fn families() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/families"))
}

fn settings(redis_url: &str) -> detector_svc::Settings {
    let mut settings = detector_settings(redis_url, "");
    settings.model.path = families().join("owlv2/model.onnx");
    settings.model.labels = owned(&QUERIES);
    settings.model.confidence_threshold = 0.3;
    settings.model.iou_threshold = 1.0;
    settings.track.enabled = false;
    settings
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

fn frame() -> Result<Vec<u8>> {
    Ok(fs::read(families().join("frame.png"))?)
}

fn entry() -> Result<Entry> {
    Ok(frames::entry(&[("format", "png"), ("encoding", "binary")], frame()?))
}

/// Labels of the objects in a frame, most confident first.
fn found(published: &Published) -> Vec<String> {
    let objects: Vec<serde_json::Value> = serde_json::from_str(published.field("objects")).unwrap();
    objects.iter().map(|object| object["label"].as_str().unwrap().to_owned()).collect()
}

/// Labels that the library found in the frame, most confident first.
fn expected() -> Result<Vec<String>> {
    let expected: serde_json::Value =
        serde_json::from_slice(&fs::read(families().join("owlv2/expected.json"))?)?;
    let detections = expected["detections"].as_array().unwrap();
    Ok(detections.iter().map(|found| found["label"].as_str().unwrap().to_owned()).collect())
}

async fn detect(redis: &mut MultiplexedConnection) -> Result<Vec<String>> {
    let id = frames::publish(redis, frames::STREAM, &entry()?).await?;
    Ok(found(&detections_of(redis, &id).await?))
}

async fn ask_for(redis: &mut MultiplexedConnection, labels: &str) -> Result<()> {
    let mut add = redis::cmd("XADD");
    add.arg(LABELS)
        .arg("MAXLEN")
        .arg(1)
        .arg("*")
        .arg("timestamp")
        .arg("1732280000.5")
        .arg("labels")
        .arg(labels);
    let _: Value = add.arg("metadata").arg("{}").query_async(redis).await?;
    Ok(())
}

async fn model_labels(client: &mut DetectorServiceClient<Channel>) -> Result<Vec<String>> {
    Ok(client.get_model(GetModelRequest {}).await?.into_inner().labels)
}

async fn told(client: &mut DetectorServiceClient<Channel>, labels: &[&str]) -> Result<()> {
    let mut client = client.clone();
    eventually("other labels", async || {
        let now = model_labels(&mut client.clone()).await?;
        ensure!(now == owned(labels), "{now:?}");
        Ok(())
    })
    .await?;
    ensure!(model_labels(&mut client).await? == owned(labels), "they have changed again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_for_is_set_by_settings_callers_and_the_stream_of_labels() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let detector = Service::detector(settings(&server.url())).await?;
    let mut client = DetectorServiceClient::connect(detector.endpoint()).await?;
    assert_eq!(detect(&mut redis).await?, expected()?);
    assert_eq!(model_labels(&mut client).await?, QUERIES);

    let ask = |labels: &[&str]| DetectRequest {
        image: frame().unwrap().into(),
        labels: owned(labels),
        confidence_threshold: Some(0.05),
        ..DetectRequest::default()
    };
    let response = client.detect(ask(&OTHERS)).await?.into_inner();
    let seen: BTreeSet<_> = response.detections.iter().map(|found| found.label.as_str()).collect();
    assert!(!seen.is_empty() && seen.is_subset(&BTreeSet::from(OTHERS)), "{seen:?}");
    let status = client.detect(ask(&["bag", "bag"])).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(detect(&mut redis).await?, expected()?, "a caller's words are the caller's");

    ask_for(&mut redis, &json!(OTHERS).to_string()).await?;
    told(&mut client, &OTHERS).await?;
    let labels: BTreeSet<_> = detect(&mut redis).await?.into_iter().collect();
    assert!(!labels.is_empty() && labels.is_subset(&owned(&OTHERS).into_iter().collect()), "{labels:?}");

    for bad in ["[]", "umbrella", r#"["dog", "dog"]"#] {
        ask_for(&mut redis, bad).await?;
    }
    eventually("errors that are counted", async || {
        let errors = MetricsPage::read(detector.http).await?;
        let errors = errors.sum("errors_total", &[("component", "source"), ("error_type", "labels")]);
        ensure!(errors > 0.0, "{errors} errors");
        Ok(())
    })
    .await?;
    told(&mut client, &OTHERS).await?;
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_detector_tells_of_itself_is_no_wish() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let first = Service::detector(settings(&server.url())).await?;
    let mut client = DetectorServiceClient::connect(first.endpoint()).await?;
    ask_for(&mut redis, &json!(OTHERS).to_string()).await?;
    told(&mut client, &OTHERS).await?;
    let mut other = settings(&server.url());
    other.model.labels = owned(&["dog"]);
    let second = Service::detector(other).await?;
    eventually("labels of the second", async || {
        let mut range = redis::cmd("XRANGE");
        let entries: Vec<(String, Vec<String>)> =
            range.arg(LABELS).arg("-").arg("+").query_async(&mut redis.clone()).await?;
        ensure!(
            entries.iter().any(|(_, fields)| fields.iter().any(|field| field == r#"["dog"]"#)),
            "{entries:?}"
        );
        Ok(())
    })
    .await?;
    // Whoever reads the wish that follows has read what the second has told before.
    ask_for(&mut redis, &json!(QUERIES).to_string()).await?;
    told(&mut client, &QUERIES).await?;
    let mut second_client = DetectorServiceClient::connect(second.endpoint()).await?;
    told(&mut second_client, &QUERIES).await?;
    second.stop().await?;
    first.stop().await
}
