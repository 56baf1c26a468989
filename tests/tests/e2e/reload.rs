//! Another model takes over while frames flow, and none is lost.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, ensure};
use detector_svc::redis_client::Policy;
use redis::aio::MultiplexedConnection;
use vision_proto::detector::v1::{
    GetModelRequest, GetModelResponse, detector_service_client::DetectorServiceClient,
};
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry},
    page::MetricsPage,
    process::Process,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{all_published, append, settled};

/// The shipped model, which looks at 416x416 pixels.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../detector-svc/models/nanodet-g-416.onnx");
/// One that looks at 8x8 pixels, one image at a time.
const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../detector-svc/tests/models/one-image.onnx");

/// Puts a file in another's place in one step, as a careful deployment does.
fn put(file: impl AsRef<Path>, place: &Path) -> Result<()> {
    let new = place.with_extension("new");
    fs::copy(file, &new)?;
    Ok(fs::rename(new, place)?)
}

fn settings(redis: &RedisServer, model: &Path) -> detector_svc::Settings {
    let mut settings = detector_settings(&redis.url(), "");
    settings.redis.policy = Policy::Every;
    settings.model.path = model.to_owned();
    settings.model.watch_every = Duration::from_millis(20);
    settings
}

async fn model_of(endpoint: &str) -> Result<GetModelResponse> {
    let mut client = DetectorServiceClient::connect(endpoint.to_owned()).await?;
    Ok(client.get_model(GetModelRequest {}).await?.into_inner())
}

/// Publishes frames until the model in service looks at images of this width.
async fn publish_until(
    width: u32,
    endpoint: &str,
    redis: &mut MultiplexedConnection,
    frame: &Entry,
    ids: &mut Vec<String>,
) -> Result<()> {
    eventually("another model in service", async || {
        ids.push(append(redis, frames::STREAM, frame).await?);
        let model = model_of(endpoint).await?;
        ensure!(model.input_width == width, "{} pixels wide", model.input_width);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_file_changes_takes_over_without_a_frame_lost() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut redis = server.connect().await?;
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("model.onnx");
    put(SHIPPED, &model)?;
    let detector = Service::detector(settings(&server, &model)).await?;
    let frame = frames::jpeg(&frames::read("0002.jpg")?);
    let mut ids = Vec::new();
    for (file, width) in [(SMALL, 8), (SHIPPED, 416), (SMALL, 8)] {
        put(file, &model)?;
        publish_until(width, &detector.endpoint(), &mut redis, &frame, &mut ids).await?;
    }
    // What is no model changes nothing but a count.
    put(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), &model)?;
    eventually("a model that is none", async || {
        let page = MetricsPage::read(detector.http).await?;
        let failed = page.sum("errors_total", &[("component", "model"), ("error_type", "reload")]);
        ensure!(failed == 1.0, "{failed} failed");
        Ok(())
    })
    .await?;
    ids.push(append(&mut redis, frames::STREAM, &frame).await?);
    assert_eq!(all_published(&mut redis, frames::STREAM, &ids).await?, 0);
    let page = settled(detector.http, ids.len() as u64).await?;
    assert_eq!(page.ledger().success, ids.len() as f64, "{:?}", page.ledger());
    let labels: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg("detectable_labels").arg("-").arg("+").query_async(&mut redis).await?;
    assert!(labels[0].1.iter().any(|(field, value)| field == "label_count" && value == "2"), "{labels:?}");
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_loaded_anew_when_the_process_is_told_to() -> Result<()> {
    let server = RedisServer::start().await?;
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("model.onnx");
    put(SMALL, &model)?;
    let mut settings = settings(&server, &model);
    settings.model.watch_every = Duration::ZERO;
    let detector = Process::start("detector-svc", &settings).await?;
    let endpoint = format!("http://{}", detector.grpc);
    assert_eq!(model_of(&endpoint).await?.input_width, 8);
    put(SHIPPED, &model)?;
    detector.signal("HUP").await?;
    eventually("another model in service", async || {
        let model = model_of(&endpoint).await?;
        ensure!(model.input_width == 416, "{} pixels wide", model.input_width);
        Ok(())
    })
    .await?;
    detector.terminate().await
}
