//! Everything that can be recorded, and the summary of it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, thread, time::Duration};

use vision_metrics::{LookupError, catalogue};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn local() -> (Arc<Registry>, VisionMetrics) {
    let registry = Arc::new(Registry::new(""));
    let metrics = VisionMetrics::local(Arc::clone(&registry), "m").unwrap();
    (registry, metrics)
}

fn record_everything(metrics: &VisionMetrics) {
    metrics.record_frame_processed(true);
    metrics.record_frame_dropped("expired");
    metrics.record_detection("cup", 0.9);
    metrics.record_detection_latency(SECOND, "total");
    metrics.record_model_inference(SECOND, "cpu", 1);
    metrics.record_segmentation(SECOND, "sam", true);
    metrics.record_pipeline_stage("decode", SECOND);
    metrics.record_annotation("boxes");
    metrics.record_annotation_error("boxes", "encode");
    metrics.record_track_created();
    metrics.record_track_confirmed();
    metrics.record_track_recovered();
    metrics.record_track_lost("cup", SECOND, "lost");
    metrics.update_active_tracks(1);
    metrics.record_redis_operation("publish", SECOND, true);
    metrics.record_redis_error("publish", "timeout");
    metrics.record_error("camera", "timeout");
    metrics.update_memory_usage(1, 2);
    metrics.update_gpu_memory("cuda:0", 1);
    metrics.update_queue_size("input", 1);
    metrics.record_queue_wait("input", SECOND);
}

#[test]
fn what_is_declared_is_what_is_recorded() {
    let (registry, metrics) = local();
    record_everything(&metrics);
    let snapshot = registry.snapshot(clock::now());
    let recorded = snapshot.metrics.iter().filter(|metric| metric.series_count() > 0);
    let mut recorded: BTreeSet<_> = recorded.map(|metric| metric.name.as_str()).collect();
    recorded.remove(catalogue::RECORD_EVENTS_DROPPED.name);
    assert_eq!(recorded, SPECS.iter().map(|spec| spec.name).collect());
    assert_eq!(registry.get_value(catalogue::RECORD_EVENTS_DROPPED.name, &[]), Ok(Some(0.0)));
}

#[test]
fn frames_count_from_zero() {
    let (registry, _metrics) = local();
    for status in ["success", "failure"] {
        assert_eq!(registry.get_value(FRAMES_PROCESSED.name, &["m", status]), Ok(Some(0.0)));
    }
}

#[test]
fn a_summary_is_that_of_one_model() {
    let (registry, metrics) = local();
    let other = VisionMetrics::local(registry, "other").unwrap();
    for (metrics, times) in [(&metrics, 2), (&other, 5)] {
        for _ in 0..times {
            record_everything(metrics);
            metrics.record_frame_processed(false);
            metrics.record_frame_dropped("backpressure");
            metrics.record_detection_latency(3 * SECOND, "decode");
        }
    }
    metrics.update_active_tracks(7);
    metrics.record_redis_operation("publish", SECOND, false);
    metrics.record_redis_operation("read", SECOND, false);
    let summary = metrics.get_summary().unwrap();
    let statistics = summary.detection_stats.unwrap();
    assert_eq!((statistics.count, statistics.sum, statistics.max), (2, 2.0, 1.0));
    let expected = VisionSummary {
        frames_processed: 2,
        frames_failed: 2,
        frames_dropped: 4,
        active_tracks: 7,
        detection_stats: Some(statistics),
        redis_operations: RedisOperations { publish_success: 7, publish_failure: 1 },
    };
    assert_eq!(summary, expected);
}

#[test]
fn a_summary_has_the_keys_that_are_asked_for() {
    let (_registry, metrics) = local();
    let page = serde_json::to_value(metrics.get_summary().unwrap()).unwrap();
    let expected = serde_json::json!({
        "frames_processed": 0,
        "frames_failed": 0,
        "frames_dropped": 0,
        "active_tracks": 0,
        "detection_stats": {"count": 0, "sum": 0.0, "avg": 0.0},
        "redis_operations": {"publish_success": 0, "publish_failure": 0},
    });
    assert_eq!(page, expected);
}

#[test]
fn label_values_that_are_too_long_are_counted_as_dropped() {
    let (registry, metrics) = local();
    metrics.record_frame_dropped(&"x".repeat(1000));
    metrics.record_detection(&"x".repeat(1000), 0.5);
    let dropped = registry.get_value(catalogue::RECORD_EVENTS_DROPPED.name, &[]);
    assert_eq!(dropped, Ok(Some(3.0)));
}

#[test]
fn classes_past_what_is_kept_are_counted_all_the_same() {
    let registry = Arc::new(Registry::with_max_series("", 100));
    let metrics = VisionMetrics::local(Arc::clone(&registry), "m").unwrap();
    (0..6000).for_each(|class| metrics.record_detection(&class.to_string(), 0.5));
    let page = registry.snapshot(clock::now());
    let detections = page.metrics.iter().find(|metric| metric.name == DETECTIONS.name).unwrap();
    let counts = detections.series().map(|series| match series.value {
        vision_metrics::SeriesValue::Counter(count) => count,
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.sum::<f64>(), 6000.0);
    assert!(detections.series_count() <= 100);
}

#[test]
fn threads_share_it() -> Result<(), LookupError> {
    let (registry, metrics) = local();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| metrics.record_error("camera", "timeout")));
        }
    });
    assert_eq!(registry.get_value(ERRORS.name, &["camera", "timeout"])?, Some(2000.0));
    Ok(())
}
