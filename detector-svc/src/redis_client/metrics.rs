//! What is recorded of the commands sent to Redis.

use std::time::Instant;

use redis::{RedisError, RedisResult};
use vision_metrics::catalogue::{REDIS_ERRORS, REDIS_OPERATION_DURATION, REDIS_OPERATIONS};
use vision_metrics_client::{Counter, Histogram, Recorder};

use super::error::error_type;

/// Records one kind of operation: how often, how long, what went wrong.
#[derive(Clone, Debug)]
pub(crate) struct RedisMetrics {
    operation: &'static str,
    succeeded: Counter,
    failed: Counter,
    duration: Histogram,
    recorder: Recorder,
}

impl RedisMetrics {
    pub(crate) fn new(recorder: &Recorder, operation: &'static str) -> Self {
        Self {
            operation,
            succeeded: recorder.counter(&REDIS_OPERATIONS, &[operation, "success"]),
            failed: recorder.counter(&REDIS_OPERATIONS, &[operation, "failure"]),
            duration: recorder.histogram(&REDIS_OPERATION_DURATION, &[operation]),
            recorder: recorder.clone(),
        }
    }

    /// Records an operation that began at `started`.
    pub(crate) fn observe<T>(&self, started: Instant, result: &RedisResult<T>) {
        self.duration.observe_duration(started.elapsed());
        match result {
            Ok(_) => self.succeeded.inc(),
            Err(error) => self.fail(error),
        }
    }

    /// Counts an operation that failed, without a duration, as of a read that waits for news.
    pub(crate) fn fail(&self, error: &RedisError) {
        self.failed.inc();
        self.recorder.counter(&REDIS_ERRORS, &[self.operation, error_type(error)]).inc();
    }
}
