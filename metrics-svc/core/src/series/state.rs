//! Distributions as they are saved and restored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{sketch::Sketch, window::SlidingWindow};

/// All that a histogram has observed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistogramState {
    /// Observations of each bucket alone, the last without a bound.
    pub(super) counts: Vec<u64>,
    pub(super) sketch: Sketch,
}

/// All that a summary has observed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryState {
    /// Since the series began, unlike the window.
    pub(super) count: u64,
    /// Since the series began, unlike the window.
    pub(super) sum: f64,
    pub(super) window: SlidingWindow,
}

/// Why a state was not restored.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The histogram has other buckets now.
    #[error("state has {found} buckets, the histogram {expected}")]
    Buckets {
        /// Buckets of the state, the one without a bound included.
        found: usize,
        /// Buckets of the histogram, the one without a bound included.
        expected: usize,
    },
    /// The summary's window has another length now.
    #[error("state has a window in steps of {found:?}, the summary in steps of {expected:?}")]
    Window {
        /// A tenth of the state's window.
        found: Duration,
        /// A tenth of the summary's window.
        expected: Duration,
    },
    /// No series counts that far.
    #[error("count {0} is out of range")]
    Count(u64),
    /// The sum is NaN or infinite.
    #[error("sum {0} is not finite")]
    Sum(f64),
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
