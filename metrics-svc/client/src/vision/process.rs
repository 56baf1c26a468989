//! What goes on around detection: Redis, queues, memory, errors.

use std::time::Duration;

use vision_metrics::catalogue::{
    ERRORS, GPU_MEMORY_USAGE, MEMORY_USAGE, QUEUE_SIZE, QUEUE_WAIT_DURATION, REDIS_ERRORS,
    REDIS_OPERATION_DURATION, REDIS_OPERATIONS,
};

use super::{VisionMetrics, status};
use crate::MetricsTimer;

/// The process and what it talks to.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::{Registry, catalogue::*};
/// use vision_metrics_client::{VisionMetrics, now};
///
/// let registry = Arc::new(Registry::new("robot"));
/// let metrics = VisionMetrics::local(Arc::clone(&registry), "yolo")?;
/// metrics.record_redis_operation("publish", Duration::from_millis(1), true);
/// metrics.record_redis_operation("publish", Duration::from_secs(2), false);
/// metrics.record_redis_error("publish", "timeout");
/// metrics.record_error("camera", "decode");
/// metrics.update_memory_usage(64 << 20, 256 << 20);
/// metrics.update_gpu_memory("cuda:0", 1 << 30);
/// metrics.update_queue_size("input", 3);
/// metrics.record_queue_wait("input", Duration::from_millis(4));
/// metrics.time_queue_wait("input").stop();
///
/// let value = |spec: &MetricSpec, labels: &[&str]| registry.get_value(spec.name, labels);
/// assert_eq!(value(&REDIS_OPERATIONS, &["publish", "success"])?, Some(1.0));
/// assert_eq!(value(&REDIS_OPERATIONS, &["publish", "failure"])?, Some(1.0));
/// assert_eq!(value(&REDIS_ERRORS, &["publish", "timeout"])?, Some(1.0));
/// assert_eq!(value(&ERRORS, &["camera", "decode"])?, Some(1.0));
/// assert_eq!(value(&MEMORY_USAGE, &["rss"])?, Some(67_108_864.0));
/// assert_eq!(value(&MEMORY_USAGE, &["vms"])?, Some(268_435_456.0));
/// assert_eq!(value(&GPU_MEMORY_USAGE, &["cuda:0"])?, Some(1_073_741_824.0));
/// assert_eq!(value(&QUEUE_SIZE, &["input"])?, Some(3.0));
///
/// let count = |spec: &MetricSpec, labels: &[&str]| {
///     let statistics = registry.get_statistics(spec.name, labels, now());
///     statistics.map(|statistics| statistics.map(|known| known.count))
/// };
/// assert_eq!(count(&REDIS_OPERATION_DURATION, &["publish"])?, Some(1));
/// assert_eq!(count(&QUEUE_WAIT_DURATION, &["input"])?, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl VisionMetrics {
    /// Counts an operation of Redis, and records how long it took if it succeeded.
    pub fn record_redis_operation(&self, operation: &str, duration: Duration, success: bool) {
        self.counter(&REDIS_OPERATIONS, &[operation, status(success)]).inc();
        if success {
            self.histogram(&REDIS_OPERATION_DURATION, &[operation]).observe_duration(duration);
        }
    }

    /// Counts an error of Redis.
    pub fn record_redis_error(&self, operation: &str, error_type: &str) {
        self.counter(&REDIS_ERRORS, &[operation, error_type]).inc();
    }

    /// Counts an error of a component.
    pub fn record_error(&self, component: &str, error_type: &str) {
        self.counter(&ERRORS, &[component, error_type]).inc();
    }

    /// Sets the memory of the process, in bytes: what is resident, and all of its address space.
    pub fn update_memory_usage(&self, rss_bytes: u64, vms_bytes: u64) {
        self.gauge(&MEMORY_USAGE, &["rss"]).set(rss_bytes as f64);
        self.gauge(&MEMORY_USAGE, &["vms"]).set(vms_bytes as f64);
    }

    /// Sets the memory in use on an accelerator, in bytes.
    pub fn update_gpu_memory(&self, device: &str, used_bytes: u64) {
        self.gauge(&GPU_MEMORY_USAGE, &[device]).set(used_bytes as f64);
    }

    /// Sets how many entries wait in a queue.
    pub fn update_queue_size(&self, queue_type: &str, size: usize) {
        self.gauge(&QUEUE_SIZE, &[queue_type]).set(size as f64);
    }

    /// Records how long an entry waited in a queue.
    pub fn record_queue_wait(&self, queue_type: &str, duration: Duration) {
        self.histogram(&QUEUE_WAIT_DURATION, &[queue_type]).observe_duration(duration);
    }

    /// Like [`VisionMetrics::record_queue_wait`], of an entry that waits until the timer ends.
    pub fn time_queue_wait(&self, queue_type: &str) -> MetricsTimer {
        self.histogram(&QUEUE_WAIT_DURATION, &[queue_type]).start_timer()
    }
}
