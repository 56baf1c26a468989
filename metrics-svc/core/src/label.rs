//! Label values: their rules.

/// Longest label value, in bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 256;
/// Every label value of the series that takes what exceeds the cardinality budget.
pub const OVERFLOW: &str = "__overflow__";
/// Label that tells producers apart.
pub(crate) const INSTANCE: &str = "instance";

/// Why label values do not fit a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Not as many values as labels.
    #[error("{given} label values given, {expected} expected")]
    Count {
        /// How many labels the metric has.
        expected: usize,
        /// How many values were given.
        given: usize,
    },
    /// A label of the metric is not given.
    #[error("label {0:?} is missing")]
    Missing(String),
    /// A label is given that the metric does not have.
    #[error("label {0:?} is unknown")]
    Unknown(String),
    /// A value is longer than [`MAX_LABEL_VALUE_BYTES`].
    #[error("value of label {label:?} has {bytes} bytes, at most 256 are allowed")]
    TooLong {
        /// The label's name.
        label: String,
        /// Length of the value.
        bytes: usize,
    },
}

/// Checks label values given in the order of `names`.
pub(crate) fn check_values(names: &[String], values: &[&str]) -> Result<(), LabelError> {
    if names.len() != values.len() {
        return Err(LabelError::Count { expected: names.len(), given: values.len() });
    }
    let too_long = |(_, value): &(&String, &&str)| value.len() > MAX_LABEL_VALUE_BYTES;
    match names.iter().zip(values).find(too_long) {
        Some((label, value)) => Err(LabelError::TooLong { label: label.clone(), bytes: value.len() }),
        None => Ok(()),
    }
}

/// Brings named label values into the order of `names`.
pub(crate) fn in_order<'a>(
    names: &[String],
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<&'a str>, LabelError> {
    let mut values = vec![None; names.len()];
    for (label, value) in labels {
        let position = names.iter().position(|name| name == label);
        let slot = position.and_then(|position| values.get_mut(position));
        *slot.ok_or_else(|| LabelError::Unknown(label.to_owned()))? = Some(value);
    }
    let named = names.iter().zip(values);
    named.map(|(name, value)| value.ok_or_else(|| LabelError::Missing(name.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["model".to_owned(), "stage".to_owned()]
    }

    #[test]
    fn named_values_are_ordered() {
        let given = [("stage", "total"), ("model", "m")];
        assert_eq!(in_order(&names(), given.into_iter()), Ok(vec!["m", "total"]));
    }

    #[test]
    fn missing_and_unknown_labels_are_named() {
        let missing = in_order(&names(), [("model", "m")].into_iter());
        assert_eq!(missing, Err(LabelError::Missing("stage".to_owned())));
        let unknown = in_order(&names(), [("class", "m")].into_iter());
        assert_eq!(unknown, Err(LabelError::Unknown("class".to_owned())));
    }

    #[test]
    fn long_values_are_refused() {
        let long = "x".repeat(MAX_LABEL_VALUE_BYTES + 1);
        assert!(matches!(check_values(&names(), &["m", &long]), Err(LabelError::TooLong { bytes: 257, .. })));
        assert_eq!(check_values(&names(), &["m", &long[1..]]), Ok(()));
    }
}
