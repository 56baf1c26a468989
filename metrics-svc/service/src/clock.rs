//! The clock that dates are read from.

use std::time::{SystemTime, UNIX_EPOCH};

use vision_metrics::UnixTime;

/// The time by the system's clock; before 1970 it counts as 1970.
#[must_use]
pub fn unix_now() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
