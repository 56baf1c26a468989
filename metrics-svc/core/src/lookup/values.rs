//! What one series has come to.

use super::LookupError;
use crate::{
    Metric, MetricKind, Series, Sketch, Statistics, UnixTime,
    label::check_values,
    reading::{Detail, Reading},
};

impl Metric {
    /// The value of a counter or gauge; `None` while nobody has asked for its handle.
    ///
    /// Of a gauge that is kept per producer, this is the one that was recorded without naming a producer.
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let grips = registry.register_counter("grips_total", "Grips, by outcome.", &["status"])?;
    /// assert_eq!(grips.get(&["success"])?, None);
    /// grips.counter(&["success"])?.inc();
    /// assert_eq!(grips.get(&["success"])?, Some(1.0));
    /// assert!(grips.get(&[]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is a distribution, or the label values do not fit it.
    pub fn get(&self, label_values: &[&str]) -> Result<Option<f64>, LookupError> {
        match self.descriptor().kind {
            MetricKind::Counter | MetricKind::Gauge => {
                Ok(self.existing(label_values)?.map(|series| series.plain_value()))
            }
            MetricKind::Histogram | MetricKind::Summary => {
                Err(LookupError::of_kind(self, "counter or gauge"))
            }
        }
    }

    /// Statistics of a histogram since it began, or of a summary over its window at `now`; `None` without data.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::{Registry, SummaryOptions};
    ///
    /// let (registry, now) = (Registry::new("robot"), Duration::from_secs(1_700_000_000));
    /// let moves = registry.register_summary("move_seconds", "A move.", &[], SummaryOptions::default())?;
    /// moves.summary(&[])?.observe(2.0, now);
    /// let statistics = moves.get_statistics(&[], now)?.ok_or("no data")?;
    /// assert_eq!((statistics.count, statistics.min, statistics.p50), (1, 2.0, 2.0));
    /// let later = now + Duration::from_secs(600);
    /// assert_eq!(moves.get_statistics(&[], later)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no distribution, or the label values do not fit it.
    pub fn get_statistics(
        &self,
        label_values: &[&str],
        now: UnixTime,
    ) -> Result<Option<Statistics>, LookupError> {
        Ok(self.sketch(label_values, now)?.as_deref().and_then(Statistics::of))
    }

    /// Any quantile of a histogram since it began, or of a summary over its window at `now`, within 1 % of the true
    /// value; `None` without data.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let force = registry.register_histogram("grip_force_newtons", "Force of a grip.", &[], &[])?;
    /// let observe = force.histogram(&[])?;
    /// (0..=100).for_each(|newtons| observe.observe(newtons.into()));
    /// let p90 = force.get_quantile(&[], 0.9, Duration::ZERO)?.ok_or("no data")?;
    /// assert!((p90 / 90.0 - 1.0).abs() < 0.01, "{p90}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The metric is no distribution, the label values do not fit it, or the quantile is outside 0..=1.
    pub fn get_quantile(
        &self,
        label_values: &[&str],
        quantile: f64,
        now: UnixTime,
    ) -> Result<Option<f64>, LookupError> {
        if !(0.0..=1.0).contains(&quantile) {
            return Err(LookupError::Quantile(quantile));
        }
        let sketch = self.sketch(label_values, now)?;
        Ok(sketch.and_then(|sketch| sketch.quantile(quantile)))
    }

    /// What a distribution's quantiles are told from.
    fn sketch(&self, label_values: &[&str], now: UnixTime) -> Result<Option<Box<Sketch>>, LookupError> {
        let kind = self.descriptor().kind;
        if !matches!(kind, MetricKind::Histogram | MetricKind::Summary) {
            return Err(LookupError::of_kind(self, "histogram or summary"));
        }
        let reading = self.existing(label_values)?.and_then(|series| series.read(Detail::Full, now));
        Ok(reading.and_then(|reading| match reading {
            Reading::Histogram { sketch, .. } => sketch,
            Reading::Summary { window, .. } => Some(window),
        }))
    }

    fn existing(&self, label_values: &[&str]) -> Result<Option<Series>, LookupError> {
        let fit = check_values(&self.descriptor().label_names, label_values);
        fit.map_err(|error| LookupError::of_labels(self, error))?;
        Ok(self.find(label_values, None))
    }
}
