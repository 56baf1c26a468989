//! Handles of a metric's series, made when they are first asked for.

use super::LookupError;
use crate::{Counter, Gauge, Histogram, Metric, MetricKind, Series, Summary};

impl Metric {
    /// The counter with these label values, in the order of the label names; made if it is new. Past a budget it is
    /// the one that takes what exceeds it.
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let grips = registry.register_counter("grips_total", "Grips, by outcome.", &["status"])?;
    /// let successes = grips.counter(&["success"])?;
    /// successes.inc();
    /// successes.add(2.0);
    /// assert_eq!(successes.get(), 3.0);
    /// let error = grips.gauge(&["success"]).map(drop).map_err(|error| error.to_string());
    /// assert_eq!(error, Err("metric \"grips_total\" is a counter, not a gauge".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no counter, or the label values do not fit it.
    pub fn counter(&self, label_values: &[&str]) -> Result<Counter, LookupError> {
        self.handle(MetricKind::Counter, label_values, Series::counter)
    }

    /// The gauge with these label values; see [`Metric::counter`].
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let held = registry.register_gauge("objects_held", "Objects in the gripper.", &[])?.gauge(&[])?;
    /// held.inc();
    /// held.dec();
    /// held.set(4.0);
    /// assert_eq!(held.get(), 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no gauge, or the label values do not fit it.
    pub fn gauge(&self, label_values: &[&str]) -> Result<Gauge, LookupError> {
        self.handle(MetricKind::Gauge, label_values, Series::gauge)
    }

    /// The histogram with these label values; see [`Metric::counter`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let moves = registry.register_histogram("move_seconds", "Duration of a move.", &["axis"], &[])?;
    /// moves.histogram(&["x"])?.observe(0.5);
    /// let statistics = moves.get_statistics(&["x"], Duration::ZERO)?.ok_or("no data")?;
    /// assert_eq!(statistics.count, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no histogram, or the label values do not fit it.
    pub fn histogram(&self, label_values: &[&str]) -> Result<Histogram, LookupError> {
        self.handle(MetricKind::Histogram, label_values, Series::histogram)
    }

    /// The summary with these label values; see [`Metric::counter`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::{Registry, SummaryOptions};
    ///
    /// let (registry, now) = (Registry::new("robot"), Duration::from_secs(1_700_000_000));
    /// let moves = registry.register_summary("move_seconds", "A move.", &[], SummaryOptions::default())?;
    /// moves.summary(&[])?.observe(0.5, now);
    /// assert_eq!(moves.get_quantile(&[], 0.9, now)?, Some(0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no summary, or the label values do not fit it.
    pub fn summary(&self, label_values: &[&str]) -> Result<Summary, LookupError> {
        self.handle(MetricKind::Summary, label_values, Series::summary)
    }

    fn handle<H>(
        &self,
        kind: MetricKind,
        label_values: &[&str],
        handle: impl FnOnce(&Series) -> Option<H>,
    ) -> Result<H, LookupError> {
        let other_kind = || LookupError::of_kind(self, kind.as_str());
        // Before a series is made for nothing.
        if self.descriptor().kind != kind {
            return Err(other_kind());
        }
        let series = self.series(label_values, None);
        let series = series.map_err(|error| LookupError::of_labels(self, error))?;
        handle(&series).ok_or_else(other_kind)
    }
}
