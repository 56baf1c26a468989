//! Records what a detecting program does, reads it back, and prints the page that Prometheus would scrape.
//!
//! `cargo run -p vision-metrics-client --example basic_use`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use vision_metrics::catalogue::{DETECTION_LATENCY, DETECTIONS};
use vision_metrics_client::{VisionMetrics, default_registry, now};

const MODEL: &str = "yolo";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let metrics = VisionMetrics::in_default_registry(MODEL)?;
    for frame in 1..=100 {
        process(frame, &metrics);
    }

    let registry = default_registry();
    let cups = registry.get_value(DETECTIONS.name, &[MODEL, "cup"])?.ok_or("no cup was seen")?;
    let p90 = registry.get_quantile(DETECTION_LATENCY.name, &[MODEL, "total"], 0.9, now())?;
    println!("{cups} cups; nine in ten frames took {:.0} ms or less", p90.ok_or("no data")? * 1e3);
    assert_eq!(cups, 50.0);

    let summary = metrics.get_summary().ok_or("aggregated elsewhere")?;
    println!("{}", serde_json::to_string_pretty(&summary)?);
    assert_eq!((summary.frames_processed, summary.frames_failed, summary.frames_dropped), (95, 0, 5));

    let page = registry.export_prometheus(now());
    println!("{page}");
    assert!(page.contains("vision_detect_segment_detections_total{model=\"yolo\",class=\"cup\"} 50\n"));
    Ok(())
}

/// Stands for what a program does with a frame: every other one shows a cup, and the camera is too fast for some.
fn process(frame: u32, metrics: &VisionMetrics) {
    if frame.is_multiple_of(20) {
        metrics.record_frame_dropped("superseded");
        return;
    }
    let inference = Duration::from_millis(20 + u64::from(frame % 10));
    metrics.record_model_inference(inference, "cpu", 1);
    if frame % 2 == 1 {
        metrics.record_detection("cup", 0.9);
    }
    metrics.record_detection_latency(inference + Duration::from_millis(5), "total");
    metrics.record_redis_operation("publish", Duration::from_micros(300), true);
    metrics.record_frame_processed(true);
}
