//! Pages that nobody here wrote the readers of.

use anyhow::Result;
use vision_proto::detector::v1::{GetModelRequest, detector_service_client::DetectorServiceClient};
use vision_tests::{
    eventually::eventually,
    frames, page, python,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

use crate::fixture::{Fixture, detections_of};

#[tokio::test(flavor = "multi_thread")]
async fn promtool_and_the_python_parser_accept_the_pages() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    fixture.detect(&frames::jpeg(&frames::read("0000.jpg")?)).await?;
    fixture.settled(1).await?;
    for http in [fixture.metrics.http, fixture.detector.http] {
        let page = page::get(http, "/metrics").await?;
        python::promtool(&page).await?;
        python::run::<&str>("check_exposition.py", &[], &page).await?;
    }
    let page = page::get(fixture.metrics.http, "/metrics").await?;
    for spec in vision_metrics::catalogue::ALL {
        let line = format!("# TYPE vision_detect_segment_{} {}\n", spec.name, spec.kind);
        assert!(page.contains(&line), "{line} is not in {page}");
    }
    for line in [
        r#"vision_detect_segment_frames_processed_total{model="nanodet-g-416",status="success"} 1"#,
        r#"vision_detect_segment_inference_provider_info{model="nanodet-g-416",provider="cpu",device="cpu",instance="detector"} 1"#,
        "# TYPE metrics_svc_batches_total counter",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
    fixture.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_metrics_service_the_detector_shows_the_same_page() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    let detector = Service::detector(detector_settings(&redis_server.url(), "")).await?;
    let mut redis = redis_server.connect().await?;
    let id = frames::publish(&mut redis, frames::STREAM, &frames::jpeg(&frames::read("0000.jpg")?)).await?;
    detections_of(&mut redis, &id).await?;
    crate::fixture::settled(detector.http, 1).await?;
    DetectorServiceClient::connect(detector.endpoint()).await?.get_model(GetModelRequest {}).await?;
    let text = page::get(detector.http, "/metrics").await?;
    python::promtool(&text).await?;
    python::run::<&str>("check_exposition.py", &[], &text).await?;
    assert!(text.contains(r#"frames_processed_total{model="nanodet-g-416",status="success"} 1"#), "{text}");
    assert!(text.contains("# TYPE detector_svc_requests_total counter"), "{text}");
    // Once a second the process looks at itself.
    eventually("memory usage", async || {
        let page = page::MetricsPage::read(detector.http).await?;
        anyhow::ensure!(page.sum("memory_usage_bytes", &[("type", "rss")]) > 1e6, "none");
        Ok(())
    })
    .await?;
    detector.stop().await
}
