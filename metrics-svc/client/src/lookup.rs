//! Why a handle has no series, and the checks that both sinks share.

use vision_metrics::{MAX_LABEL_VALUE_BYTES, MetricKind, RegisterError, catalogue::MetricSpec};

/// Why there is no such series.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("metric {name:?} is a {kind}, recorded as a {used}")]
    Kind { name: &'static str, kind: MetricKind, used: MetricKind },
    #[error("metric {name:?} has {expected} labels, {given} values given")]
    LabelCount { name: &'static str, expected: usize, given: usize },
    #[error("metric {0:?} is recorded with two definitions")]
    Conflict(&'static str),
    #[error(transparent)]
    Registry(#[from] RegisterError),
    #[error("a label value of metric {name:?} has {bytes} bytes, {MAX_LABEL_VALUE_BYTES} at most")]
    LabelTooLong { name: &'static str, bytes: usize },
    #[error("metric {name:?} would exceed {max} series")]
    Full { name: &'static str, max: usize },
}

/// A metric is known by another definition than the one it was to be recorded with.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct DeclareError(#[from] LookupError);

impl LookupError {
    /// Whether the program is wrong, as opposed to the data that it runs on.
    pub(crate) fn is_mistake(&self) -> bool {
        !matches!(self, Self::LabelTooLong { .. } | Self::Full { .. })
    }
}

/// Checks that the metric can be recorded this way, with these label values.
pub(crate) fn check(spec: &MetricSpec, used: MetricKind, label_values: &[&str]) -> Result<(), LookupError> {
    let name = spec.name;
    if spec.kind != used {
        let kind = spec.kind;
        return Err(LookupError::Kind { name, kind, used });
    }
    let (expected, given) = (spec.label_names.len(), label_values.len());
    if expected != given {
        return Err(LookupError::LabelCount { name, expected, given });
    }
    let mut lengths = label_values.iter().map(|value| value.len());
    match lengths.find(|bytes| *bytes > MAX_LABEL_VALUE_BYTES) {
        Some(bytes) => Err(LookupError::LabelTooLong { name, bytes }),
        None => Ok(()),
    }
}
