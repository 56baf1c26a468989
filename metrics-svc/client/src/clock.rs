//! The one clock that this crate reads dates from.

use std::time::{SystemTime, UNIX_EPOCH};

use vision_metrics::UnixTime;

/// The time by the system's clock, as a registry wants to be told it; before 1970 it counts as 1970.
///
/// ```
/// let page = vision_metrics_client::default_registry().export_prometheus(vision_metrics_client::now());
/// assert!(page.is_ascii());
/// ```
#[must_use]
pub fn now() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
