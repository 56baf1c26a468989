//! The few numbers that tell how a detecting program does.

use serde::{Serialize, Serializer};
use vision_metrics::{
    Registry, SeriesValue, Snapshot, Statistics, UnixTime,
    catalogue::{
        ACTIVE_TRACKS, DETECTION_LATENCY, FRAMES_DROPPED, FRAMES_PROCESSED, MetricSpec, REDIS_OPERATIONS,
    },
};

use super::status;

/// The stage of detection that is all of it.
const WHOLE: &str = "total";
/// The operation that puts detections into Redis.
const PUBLISH: &str = "publish";
/// What a summary is made of.
const SOURCES: [&MetricSpec; 5] =
    [&FRAMES_PROCESSED, &FRAMES_DROPPED, &ACTIVE_TRACKS, &DETECTION_LATENCY, &REDIS_OPERATIONS];

/// What has come of one model's frames.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::Registry;
/// use vision_metrics_client::VisionMetrics;
///
/// let metrics = VisionMetrics::local(Arc::new(Registry::new("robot")), "yolo")?;
/// let page = serde_json::to_value(metrics.get_summary())?;
/// assert_eq!(page["detection_stats"], serde_json::json!({"count": 0, "sum": 0.0, "avg": 0.0}));
/// metrics.record_detection_latency(Duration::from_millis(250), "total");
/// let page = serde_json::to_value(metrics.get_summary())?;
/// assert_eq!(page["detection_stats"]["p99"], 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisionSummary {
    /// Frames that went through detection.
    pub frames_processed: u64,
    /// Frames that failed there.
    pub frames_failed: u64,
    /// Frames given up before detection, for any reason.
    pub frames_dropped: u64,
    /// Objects tracked at present.
    pub active_tracks: u64,
    /// Latency of the whole of detection, in seconds; `None` without data. In JSON a count, sum and mean of 0, then.
    #[serde(serialize_with = "statistics_or_nothing")]
    pub detection_stats: Option<Statistics>,
    /// What was asked of Redis, for any model.
    pub redis_operations: RedisOperations,
}

/// Operations of Redis, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedisOperations {
    /// Publications that succeeded.
    pub publish_success: u64,
    /// Publications that failed.
    pub publish_failure: u64,
}

impl VisionSummary {
    /// Reads what a registry has of a model at one moment.
    pub(super) fn read(registry: &Registry, model: &str, now: UnixTime) -> Self {
        let snapshot = registry.snapshot_of(now, |name| SOURCES.iter().any(|spec| spec.name == name));
        let frames = |success| total(&snapshot, &FRAMES_PROCESSED, &[Some(model), Some(status(success))]);
        let publications = |success| {
            let labels = [Some(PUBLISH), Some(status(success))];
            total(&snapshot, &REDIS_OPERATIONS, &labels)
        };
        Self {
            frames_processed: frames(true),
            frames_failed: frames(false),
            frames_dropped: total(&snapshot, &FRAMES_DROPPED, &[Some(model), None]),
            active_tracks: total(&snapshot, &ACTIVE_TRACKS, &[Some(model)]),
            detection_stats: statistics(&snapshot, &DETECTION_LATENCY, &[Some(model), Some(WHOLE)]),
            redis_operations: RedisOperations {
                publish_success: publications(true),
                publish_failure: publications(false),
            },
        }
    }
}

/// The values of a metric's series with these label values, `None` standing for any.
fn values<'a>(
    snapshot: &'a Snapshot,
    spec: &MetricSpec,
    label_values: &'a [Option<&'a str>],
) -> impl Iterator<Item = SeriesValue> + 'a {
    let name = spec.name;
    let metrics = snapshot.metrics.iter().filter(move |metric| metric.descriptor.name == name);
    let series = metrics.flat_map(|metric| metric.series());
    let wanted = series.filter(move |series| {
        let mut pairs = series.labels.iter().zip(label_values);
        pairs.all(|((_, own), wanted)| wanted.is_none_or(|wanted| own == wanted))
    });
    wanted.map(|series| series.value)
}

/// The sum of counters or gauges, which count things here.
fn total(snapshot: &Snapshot, spec: &MetricSpec, label_values: &[Option<&str>]) -> u64 {
    let plain = values(snapshot, spec, label_values).map(|value| match value {
        SeriesValue::Counter(value) | SeriesValue::Gauge(value) => value,
        SeriesValue::Histogram(_) | SeriesValue::Summary(_) => 0.0,
    });
    plain.sum::<f64>() as u64
}

fn statistics(snapshot: &Snapshot, spec: &MetricSpec, label_values: &[Option<&str>]) -> Option<Statistics> {
    values(snapshot, spec, label_values).find_map(|value| match value {
        SeriesValue::Histogram(distribution) | SeriesValue::Summary(distribution) => distribution.statistics,
        SeriesValue::Counter(_) | SeriesValue::Gauge(_) => None,
    })
}

fn statistics_or_nothing<S: Serializer>(
    statistics: &Option<Statistics>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Default, Serialize)]
    struct Nothing {
        count: u64,
        sum: f64,
        avg: f64,
    }
    match statistics {
        Some(statistics) => statistics.serialize(serializer),
        None => Nothing::default().serialize(serializer),
    }
}
