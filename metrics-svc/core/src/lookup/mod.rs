//! One series by its metric and label values: handles to write with, and what it has come to.
//!
//! Reading one series copies nothing of the others.

mod handles;
mod values;

use crate::{LabelError, Metric, MetricKind, Registry, Statistics, UnixTime};

/// Why there is no such handle or value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No metric of the registry has the name.
    #[error("metric {0:?} is not registered")]
    Unknown(String),
    /// The metric is of another kind.
    #[error("metric {name:?} is a {kind}, not a {wanted}")]
    Kind {
        /// The metric's name.
        name: String,
        /// Its kind.
        kind: MetricKind,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// The label values do not fit the metric.
    #[error("metric {name:?} does not have these labels: {error}")]
    Labels {
        /// The metric's name.
        name: String,
        /// What is wrong with them.
        error: LabelError,
    },
    /// A quantile is outside 0..=1, or NaN.
    #[error("quantile {0} is not within 0..=1")]
    Quantile(f64),
}

impl Registry {
    /// The value of a counter or gauge, by the metric's name without the namespace; see [`Metric::get`].
    ///
    /// ```
    /// use vision_metrics::{LookupError, Registry};
    ///
    /// let registry = Registry::new("robot");
    /// registry.register_counter("grips_total", "Grips.", &[])?.counter(&[])?.add(2.0);
    /// assert_eq!(registry.get_value("grips_total", &[]), Ok(Some(2.0)));
    /// assert_eq!(registry.get_value("grip", &[]), Err(LookupError::Unknown("grip".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no such metric, it is a distribution, or the label values do not fit it.
    pub fn get_value(&self, name: &str, label_values: &[&str]) -> Result<Option<f64>, LookupError> {
        self.known(name)?.get(label_values)
    }

    /// Statistics of a histogram or summary, by the metric's name without the namespace; see
    /// [`Metric::get_statistics`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::Registry;
    ///
    /// let (registry, now) = (Registry::new("robot"), Duration::from_secs(1_700_000_000));
    /// let force = registry.register_histogram("grip_force_newtons", "Force of a grip.", &[], &[])?;
    /// assert_eq!(registry.get_statistics("grip_force_newtons", &[], now)?, None);
    /// force.histogram(&[])?.observe(1.0);
    /// force.histogram(&[])?.observe(3.0);
    /// let statistics = registry.get_statistics("grip_force_newtons", &[], now)?.ok_or("no data")?;
    /// assert_eq!((statistics.count, statistics.avg, statistics.max), (2, 2.0, 3.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no such metric, it is no distribution, or the label values do not fit it.
    pub fn get_statistics(
        &self,
        name: &str,
        label_values: &[&str],
        now: UnixTime,
    ) -> Result<Option<Statistics>, LookupError> {
        self.known(name)?.get_statistics(label_values, now)
    }

    /// Any quantile of a histogram or summary, by the metric's name without the namespace; see
    /// [`Metric::get_quantile`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::{LookupError, Registry};
    ///
    /// let (registry, now) = (Registry::new("robot"), Duration::from_secs(1_700_000_000));
    /// let force = registry.register_histogram("grip_force_newtons", "Force of a grip.", &[], &[])?;
    /// force.histogram(&[])?.observe(4.0);
    /// assert_eq!(registry.get_quantile("grip_force_newtons", &[], 0.95, now), Ok(Some(4.0)));
    /// let beyond = registry.get_quantile("grip_force_newtons", &[], 95.0, now);
    /// assert_eq!(beyond, Err(LookupError::Quantile(95.0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no such metric, it is no distribution, the label values do not fit it, or the quantile is outside
    /// 0..=1.
    pub fn get_quantile(
        &self,
        name: &str,
        label_values: &[&str],
        quantile: f64,
        now: UnixTime,
    ) -> Result<Option<f64>, LookupError> {
        self.known(name)?.get_quantile(label_values, quantile, now)
    }

    fn known(&self, name: &str) -> Result<Metric, LookupError> {
        self.get(name).ok_or_else(|| LookupError::Unknown(name.to_owned()))
    }
}

impl LookupError {
    fn of_kind(metric: &Metric, wanted: &'static str) -> Self {
        let descriptor = metric.descriptor();
        Self::Kind { name: descriptor.name.clone(), kind: descriptor.kind, wanted }
    }

    fn of_labels(metric: &Metric, error: LabelError) -> Self {
        Self::Labels { name: metric.descriptor().name.clone(), error }
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
