//! What is recorded of annotated frames.

use std::time::{Duration, Instant};

use redis::{RedisResult, Value};
use vision_metrics::catalogue::{ANNOTATION_ERRORS, ANNOTATIONS_CREATED, PIPELINE_STAGE_DURATION};
use vision_metrics_client::{Counter, Histogram, Recorder};
use vision_service::rate_limit::OncePer;

use crate::redis_client::RedisMetrics;

/// Value of the `type` label.
const TYPE: &str = "detections";

/// Lets one log line a second tell of what could not be shown.
static FAILURES: OncePer = OncePer::new(Duration::from_secs(1));

/// Handles, looked up once.
#[derive(Clone, Debug)]
pub(super) struct AnnotationMetrics {
    created: Counter,
    stage: Histogram,
    redis: RedisMetrics,
    recorder: Recorder,
}

impl AnnotationMetrics {
    pub(super) fn new(recorder: &Recorder) -> Self {
        Self {
            created: recorder.counter(&ANNOTATIONS_CREATED, &[TYPE]),
            stage: recorder.histogram(&PIPELINE_STAGE_DURATION, &["annotate"]),
            redis: RedisMetrics::new(recorder, "publish_annotated"),
            recorder: recorder.clone(),
        }
    }

    /// A picture was drawn, which took `took`.
    pub(super) fn drawn(&self, took: Duration) {
        self.stage.observe_duration(took);
    }

    /// A picture was sent, or was not.
    pub(super) fn published(&self, started: Instant, sent: &RedisResult<Value>) {
        self.redis.observe(started, sent);
        match sent {
            Ok(_) => self.created.inc(),
            Err(error) => {
                self.failed("publish");
                if let Some(suppressed) = FAILURES.pass(Instant::now()) {
                    tracing::warn!(%error, suppressed, "failed to publish an annotated frame");
                }
            }
        }
    }

    pub(super) fn failed(&self, error: &'static str) {
        self.recorder.counter(&ANNOTATION_ERRORS, &[TYPE, error]).inc();
    }
}
