//! What a metric is: its name, kind, labels and how its values are aggregated.

use std::{collections::HashSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::name::{is_label_name, is_metric_name};

/// Upper bounds of a histogram that declares none.
pub const DEFAULT_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Quantiles of a distribution that declares none.
pub const DEFAULT_QUANTILES: &[f64] = &[0.5, 0.9, 0.99];
/// Window of a summary that declares none.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(600);

const MAX_LABELS: usize = 64;
const MAX_BUCKETS: usize = 1000;
const MAX_QUANTILES: usize = 100;
const MAX_TEXT_BYTES: usize = 4096;

/// What a metric aggregates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetricKind {
    /// A total that only rises.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// A distribution counted in fixed buckets.
    Histogram,
    /// A distribution's quantiles over a sliding window.
    Summary,
}

impl MetricKind {
    /// The kind's name in the expositions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the values of several producers combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Merge {
    /// One series a producer for gauges, the sum for every other kind.
    #[default]
    Default,
    /// Values add up. For a gauge: the sum of each producer's latest value.
    Sum,
    /// Gauges: the greatest of the producers' latest values.
    Max,
    /// Gauges: the value set last by any producer.
    Last,
    /// One series a producer, under the label `instance`.
    PerProducer,
}

/// Declaration of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricDescriptor {
    /// Name without the namespace, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub name: String,
    /// What the metric aggregates to.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: String,
    /// Base unit in the plural, such as `seconds`; empty when the value counts things.
    pub unit: String,
    /// Names of the labels; each series has a value for every one of them.
    pub label_names: Vec<String>,
    /// Histogram: rising finite upper bounds, `+Inf` implied. Empty: [`DEFAULT_BUCKETS`].
    pub buckets: Vec<f64>,
    /// Histogram and summary: quantiles in 0..=1 to export. Empty: [`DEFAULT_QUANTILES`].
    pub quantiles: Vec<f64>,
    /// Summary: how far back the window reaches; at least 10 ns.
    pub max_age: Duration,
    /// How the values of several producers combine.
    pub merge: Merge,
}

/// Why a descriptor is unusable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The metric's name breaks the naming rules.
    #[error("metric name {0:?} is not [a-zA-Z_:][a-zA-Z0-9_:]* of at most 256 bytes")]
    InvalidName(String),
    /// A label's name breaks the naming rules.
    #[error("label name {0:?} is not [a-zA-Z_][a-zA-Z0-9_]* of at most 256 bytes")]
    InvalidLabelName(String),
    /// A label's name is taken by the exposition.
    #[error("label name {0:?} is reserved")]
    ReservedLabelName(String),
    /// A label is named twice.
    #[error("label name {0:?} is given twice")]
    DuplicateLabelName(String),
    /// A list or text is longer than allowed.
    #[error("{what} has {len} entries or bytes, at most {max} are allowed")]
    TooLong {
        /// The part of the descriptor.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The greatest length allowed.
        max: usize,
    },
    /// Buckets are given for a kind without buckets, or quantiles for one without quantiles.
    #[error("a {kind} has no {what}")]
    NotOfKind {
        /// The kind declared.
        kind: MetricKind,
        /// What it cannot have.
        what: &'static str,
    },
    /// A bucket bound is NaN or infinite.
    #[error("bucket bound {0} is not finite")]
    NonFiniteBucket(f64),
    /// Bucket bounds do not rise.
    #[error("bucket bound {next} does not rise above {previous}")]
    UnsortedBuckets {
        /// The bound before.
        previous: f64,
        /// The bound that is not greater.
        next: f64,
    },
    /// A quantile is outside 0..=1, or NaN.
    #[error("quantile {0} is not within 0..=1")]
    InvalidQuantile(f64),
    /// A quantile is listed twice.
    #[error("quantile {0} is given twice")]
    DuplicateQuantile(f64),
    /// The window is too short to be divided into ten parts.
    #[error("max_age {0:?} is shorter than 10 ns")]
    InvalidMaxAge(Duration),
    /// The merge has no meaning for the kind.
    #[error("merge {merge:?} does not apply to a {kind}")]
    InvalidMerge {
        /// The merge declared.
        merge: Merge,
        /// The kind declared.
        kind: MetricKind,
    },
}

impl DescriptorError {
    /// Whether a name is at fault, as opposed to the rest of the definition.
    #[must_use]
    pub fn concerns_name(&self) -> bool {
        matches!(
            self,
            Self::InvalidName(_)
                | Self::InvalidLabelName(_)
                | Self::ReservedLabelName(_)
                | Self::DuplicateLabelName(_)
        )
    }
}

impl MetricDescriptor {
    /// A metric without labels and with every default.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: MetricKind) -> Self {
        Self {
            name: name.into(),
            kind,
            help: String::new(),
            unit: String::new(),
            label_names: Vec::new(),
            buckets: Vec::new(),
            quantiles: Vec::new(),
            max_age: DEFAULT_MAX_AGE,
            merge: Merge::Default,
        }
    }

    /// Checks every rule of a descriptor.
    ///
    /// # Errors
    /// The first rule that is broken, with the offending value.
    pub fn validate(&self) -> Result<(), DescriptorError> {
        // OpenMetrics would leave nothing of a counter that is called by its suffix.
        let suffix_only = self.kind == MetricKind::Counter && self.name == "_total";
        if !is_metric_name(&self.name) || suffix_only {
            return Err(DescriptorError::InvalidName(self.name.clone()));
        }
        limit("help", self.help.len(), MAX_TEXT_BYTES)?;
        limit("unit", self.unit.len(), MAX_TEXT_BYTES)?;
        self.validate_merge()?;
        self.validate_labels()?;
        self.validate_buckets()?;
        self.validate_quantiles()?;
        if self.kind == MetricKind::Summary && self.max_age < Duration::from_nanos(10) {
            return Err(DescriptorError::InvalidMaxAge(self.max_age));
        }
        Ok(())
    }

    /// Whether several producers' values are kept apart, shown or not.
    pub(crate) fn splits_producers(&self) -> bool {
        match self.merge {
            Merge::PerProducer => true,
            Merge::Last => false,
            Merge::Default | Merge::Sum | Merge::Max => self.kind == MetricKind::Gauge,
        }
    }

    /// Whether a producer's series carries the label `instance`.
    pub(crate) fn shows_instance(&self) -> bool {
        self.splits_producers() && !matches!(self.merge, Merge::Sum | Merge::Max)
    }

    /// Fills in the defaults of the kind.
    pub(crate) fn completed(mut self) -> Self {
        let distribution = matches!(self.kind, MetricKind::Histogram | MetricKind::Summary);
        if self.kind == MetricKind::Histogram && self.buckets.is_empty() {
            self.buckets = DEFAULT_BUCKETS.to_vec();
        }
        if distribution && self.quantiles.is_empty() {
            self.quantiles = DEFAULT_QUANTILES.to_vec();
        }
        if self.kind != MetricKind::Summary {
            self.max_age = DEFAULT_MAX_AGE;
        }
        let gauge = self.kind == MetricKind::Gauge;
        if self.merge == if gauge { Merge::PerProducer } else { Merge::Sum } {
            // What is meant anyway.
            self.merge = Merge::Default;
        }
        self
    }

    /// Adds finite bounds to those of a histogram; any other kind stays as it is.
    pub(crate) fn extend_buckets(&mut self, extra: &[f64]) {
        if self.kind == MetricKind::Histogram {
            self.buckets.extend(extra.iter().filter(|bound| bound.is_finite()));
            self.buckets.sort_by(f64::total_cmp);
            self.buckets.dedup();
        }
    }

    /// The first part in which two completed definitions differ; help is free to differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("kind", self.kind == other.kind),
            ("labels", self.label_names == other.label_names),
            ("buckets", self.buckets == other.buckets),
            ("quantiles", self.quantiles == other.quantiles),
            ("max_age", self.max_age == other.max_age),
            ("merge", self.merge == other.merge),
            ("unit", self.unit == other.unit),
        ]
        .into_iter()
        .find_map(|(part, same)| (!same).then_some(part))
    }

    fn validate_merge(&self) -> Result<(), DescriptorError> {
        let gauge_only = matches!(self.merge, Merge::Max | Merge::Last);
        if gauge_only && self.kind != MetricKind::Gauge {
            return Err(DescriptorError::InvalidMerge { merge: self.merge, kind: self.kind });
        }
        Ok(())
    }

    fn validate_labels(&self) -> Result<(), DescriptorError> {
        limit("label_names", self.label_names.len(), MAX_LABELS)?;
        let mut seen = HashSet::new();
        for label in &self.label_names {
            if !is_label_name(label) {
                return Err(DescriptorError::InvalidLabelName(label.clone()));
            }
            if self.reserves(label) {
                return Err(DescriptorError::ReservedLabelName(label.clone()));
            }
            if !seen.insert(label) {
                return Err(DescriptorError::DuplicateLabelName(label.clone()));
            }
        }
        Ok(())
    }

    fn reserves(&self, label: &str) -> bool {
        label.starts_with("__")
            || match label {
                "le" => self.kind == MetricKind::Histogram,
                "quantile" => self.kind == MetricKind::Summary,
                "instance" => self.shows_instance(),
                _ => false,
            }
    }

    fn validate_buckets(&self) -> Result<(), DescriptorError> {
        if !self.buckets.is_empty() && self.kind != MetricKind::Histogram {
            return Err(self.not_of_kind("buckets"));
        }
        limit("buckets", self.buckets.len(), MAX_BUCKETS)?;
        if let Some(&bound) = self.buckets.iter().find(|bound| !bound.is_finite()) {
            return Err(DescriptorError::NonFiniteBucket(bound));
        }
        match self.buckets.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(DescriptorError::UnsortedBuckets { previous: pair[0], next: pair[1] }),
            None => Ok(()),
        }
    }

    fn validate_quantiles(&self) -> Result<(), DescriptorError> {
        let distribution = matches!(self.kind, MetricKind::Histogram | MetricKind::Summary);
        if !self.quantiles.is_empty() && !distribution {
            return Err(self.not_of_kind("quantiles"));
        }
        limit("quantiles", self.quantiles.len(), MAX_QUANTILES)?;
        for (index, quantile) in self.quantiles.iter().enumerate() {
            if !(0.0..=1.0).contains(quantile) {
                return Err(DescriptorError::InvalidQuantile(*quantile));
            }
            if self.quantiles[..index].contains(quantile) {
                return Err(DescriptorError::DuplicateQuantile(*quantile));
            }
        }
        Ok(())
    }

    fn not_of_kind(&self, what: &'static str) -> DescriptorError {
        DescriptorError::NotOfKind { kind: self.kind, what }
    }
}

fn limit(what: &'static str, len: usize, max: usize) -> Result<(), DescriptorError> {
    if len > max {
        return Err(DescriptorError::TooLong { what, len, max });
    }
    Ok(())
}

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
