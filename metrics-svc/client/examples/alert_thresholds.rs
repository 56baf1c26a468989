//! Compares what the metrics say with thresholds, as a watchdog does every few seconds, and prints alerts.
//!
//! `cargo run -p vision-metrics-client --example alert_thresholds`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc, time::Duration};

use vision_metrics::{
    LookupError, Registry, UnixTime,
    catalogue::{DETECTION_LATENCY, FRAMES_PROCESSED, REDIS_OPERATIONS, TRACK_LIFETIME},
};
use vision_metrics_client::{VisionMetrics, now};

const MODEL: &str = "yolo";

/// What is still fine.
struct Thresholds {
    mean_latency: Duration,
    p99_latency: Duration,
    publish_failures: f64,
    failed_share: f64,
    median_lifetime: Duration,
}

const THRESHOLDS: Thresholds = Thresholds {
    mean_latency: Duration::from_millis(100),
    p99_latency: Duration::from_secs(1),
    publish_failures: 10.0,
    failed_share: 0.05,
    median_lifetime: Duration::from_secs(1),
};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let registry = Arc::new(Registry::new("robot"));
    let metrics = VisionMetrics::local(Arc::clone(&registry), MODEL)?;
    let report = |what| {
        let alerts = check(&registry, &THRESHOLDS, now())?;
        println!("{what}: {} alerts", alerts.len());
        alerts.iter().for_each(|alert| println!("  {alert}"));
        Ok::<_, LookupError>(alerts.len())
    };
    healthy(&metrics);
    assert_eq!(report("all is well")?, 0);
    slow(&metrics);
    assert_eq!(report("the model is slow")?, 2);
    without_redis(&metrics);
    assert_eq!(report("Redis is away")?, 5);
    Ok(())
}

/// What is worse than its threshold. What has no data yet is no reason for an alert.
fn check(registry: &Registry, limits: &Thresholds, now: UnixTime) -> Result<Vec<String>, LookupError> {
    let mut alerts = Vec::new();
    let latency = registry.get_statistics(DETECTION_LATENCY.name, &[MODEL, "total"], now)?;
    if let Some(mean) = latency.map(|known| known.avg).filter(|avg| *avg > limits.mean_latency.as_secs_f64())
    {
        alerts.push(format!("mean latency is {mean:.3} s, over {:?}", limits.mean_latency));
    }
    let p99 = registry.get_quantile(DETECTION_LATENCY.name, &[MODEL, "total"], 0.99, now)?;
    if let Some(p99) = p99.filter(|p99| *p99 > limits.p99_latency.as_secs_f64()) {
        alerts.push(format!("p99 of the latency is {p99:.3} s, over {:?}", limits.p99_latency));
    }
    let failures = registry.get_value(REDIS_OPERATIONS.name, &["publish", "failure"])?.unwrap_or(0.0);
    if failures > limits.publish_failures {
        alerts.push(format!("{failures} publications failed, over {}", limits.publish_failures));
    }
    let frames = |status| registry.get_value(FRAMES_PROCESSED.name, &[MODEL, status]);
    let (done, failed) = (frames("success")?.unwrap_or(0.0), frames("failure")?.unwrap_or(0.0));
    if failed > limits.failed_share * (done + failed) {
        alerts.push(format!("{failed} of {} frames failed", done + failed));
    }
    let lifetime = registry.get_quantile(TRACK_LIFETIME.name, &[MODEL, "cup"], 0.5, now)?;
    if let Some(median) = lifetime.filter(|median| *median < limits.median_lifetime.as_secs_f64()) {
        alerts.push(format!("half of the tracks last {median:.2} s or less: the tracker loses its objects"));
    }
    Ok(alerts)
}

fn healthy(metrics: &VisionMetrics) {
    (0..100).for_each(|_| frame(metrics, Duration::from_millis(40), true));
    metrics.record_track_lost("cup", Duration::from_secs(9), "lost");
}

fn slow(metrics: &VisionMetrics) {
    (0..20).for_each(|_| frame(metrics, Duration::from_millis(1500), true));
}

fn without_redis(metrics: &VisionMetrics) {
    (0..20).for_each(|_| frame(metrics, Duration::from_millis(40), false));
    (0..5).for_each(|_| metrics.record_track_lost("cup", Duration::from_millis(200), "lost"));
}

fn frame(metrics: &VisionMetrics, latency: Duration, published: bool) {
    metrics.record_detection_latency(latency, "total");
    metrics.record_redis_operation("publish", Duration::from_millis(1), published);
    metrics.record_frame_processed(published);
}
