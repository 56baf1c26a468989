//! A client in another language, with stubs made by Google's own compiler.

use anyhow::Result;
use vision_tests::{frames, page::MetricsPage, python, service::Service, service::metrics_settings};

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn python_records_and_is_told_what_it_did_wrong() -> Result<()> {
    let metrics = Service::metrics(metrics_settings()).await?;
    let address = metrics.grpc.to_string();
    for command in ["record", "record-invalid", "record-replay", "health"] {
        python::run("grpc_client.py", &[command, &address], "").await?;
    }
    python::run("grpc_client.py", &["reflection", &address, "vision.metrics.v1.MetricsService"], "").await?;
    MetricsPage::read(metrics.http).await?;
    metrics.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn python_detects() -> Result<()> {
    let fixture = Fixture::start().await?;
    let address = fixture.detector.grpc.to_string();
    let image = frames::folder().join("0000.jpg").display().to_string();
    let answer = python::run("grpc_client.py", &["detect", &address, &image], "").await?;
    assert!(answer.contains("person"), "{answer}");
    let broken = format!("{}/python/grpc_client.py", env!("CARGO_MANIFEST_DIR"));
    let answers =
        python::run("grpc_client.py", &["detect-stream", &address, &image, &broken, &image], "").await?;
    assert!(answers.contains("not a JPEG, PNG or WebP image"), "{answers}");
    python::run("grpc_client.py", &["model", &address], "").await?;
    python::run("grpc_client.py", &["health", &address], "").await?;
    python::run("grpc_client.py", &["reflection", &address, "vision.detector.v1.DetectorService"], "")
        .await?;
    fixture.settled(4).await?;
    fixture.stop().await
}
