//! What a sample does to its series, and which samples suit it.

use crate::MetricKind;

/// What a sample does to its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// The kind's default: counters add, gauges set, histograms and summaries observe.
    #[default]
    Default,
    /// Replaces the value; gauges only.
    Set,
    /// Adds to the value; counters and gauges.
    Add,
}

/// Why a sample was not applied.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value is NaN or infinite.
    #[error("value {0} is not finite")]
    NotFinite(f64),
    /// A counter cannot fall.
    #[error("increment {0} of a counter is negative")]
    Negative(f64),
    /// The kind has no such operation.
    #[error("operation {operation:?} does not apply to a {kind}")]
    Operation {
        /// The operation asked for.
        operation: Operation,
        /// The kind of the series.
        kind: MetricKind,
    },
    /// The series was dropped for being idle: look it up again.
    #[error("series has expired")]
    Expired,
}

impl Operation {
    /// Checks that a sample suits a series of this kind.
    ///
    /// # Errors
    /// The value is not finite, negative for a counter, or the operation is none of the kind's.
    #[inline]
    pub fn check(self, kind: MetricKind, value: f64) -> Result<(), ValueError> {
        let known = match kind {
            MetricKind::Counter => self != Self::Set,
            MetricKind::Gauge => true,
            MetricKind::Histogram | MetricKind::Summary => self == Self::Default,
        };
        if !known {
            return Err(ValueError::Operation { operation: self, kind });
        }
        if !value.is_finite() {
            return Err(ValueError::NotFinite(value));
        }
        if kind == MetricKind::Counter && value < 0.0 {
            return Err(ValueError::Negative(value));
        }
        Ok(())
    }
}
