//! The registry that a process has without making one.

use std::sync::{Arc, OnceLock};

use vision_metrics::{Registry, catalogue::NAMESPACE};

use crate::clock;

/// Series at most; what exceeds them goes to one series of its metric, with every label `__overflow__`.
const MAX_SERIES: usize = 100_000;

/// The registry of this process, for programs that need no more than one: up to 100,000 series, exported under
/// `vision_detect_segment_`.
///
/// ```
/// use vision_metrics_client::default_registry;
///
/// let requests = default_registry().register_counter("requests_total", "Requests.", &["status"])?;
/// requests.counter(&["200"])?.inc();
/// assert_eq!(default_registry().get_value("requests_total", &["200"])?, Some(1.0));
/// assert_eq!(default_registry().full_name("requests_total"), "vision_detect_segment_requests_total");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn default_registry() -> &'static Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = Registry::with_max_series(NAMESPACE, MAX_SERIES);
        Arc::new(registry.started_at(clock::now()))
    })
}
