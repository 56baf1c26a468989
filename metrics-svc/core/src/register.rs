//! Registers a metric of each kind by its parts.

use std::time::Duration;

use crate::{
    DEFAULT_MAX_AGE, DEFAULT_QUANTILES, Metric, MetricDescriptor, MetricKind, RegisterError, Registry,
};

/// What a summary keeps and tells; the default keeps 600 s and tells the quantiles 0.5, 0.9 and 0.99.
///
/// ```
/// use std::time::Duration;
/// use vision_metrics::SummaryOptions;
///
/// let minute = SummaryOptions { max_age: Duration::from_secs(60), ..SummaryOptions::default() };
/// assert_eq!(minute.quantiles, [0.5, 0.9, 0.99]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SummaryOptions<'a> {
    /// Quantiles in 0..=1 that the exporters show. Empty: the default ones.
    pub quantiles: &'a [f64],
    /// How far back the window reaches; at least 10 ns.
    pub max_age: Duration,
}

impl Default for SummaryOptions<'_> {
    fn default() -> Self {
        Self { quantiles: DEFAULT_QUANTILES, max_age: DEFAULT_MAX_AGE }
    }
}

impl Registry {
    /// Registers a total that only rises, with these labels; returns the metric there is if it is defined so already.
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let grips = registry.register_counter("grips_total", "Grips, by outcome.", &["status"])?;
    /// grips.counter(&["success"])?.inc();
    /// assert_eq!(grips.get(&["success"])?, Some(1.0));
    /// assert!(registry.register_gauge("grips_total", "", &["status"]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name breaks the rules or is taken by another definition.
    pub fn register_counter(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
    ) -> Result<Metric, RegisterError> {
        self.register(descriptor(MetricKind::Counter, name, help, label_names))
    }

    /// Registers a value that goes up and down, with these labels; returns the metric there is if it is defined so
    /// already.
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let position = registry.register_gauge("position_metres", "Where the arm is.", &["axis"])?;
    /// position.gauge(&["x"])?.set(0.25);
    /// assert_eq!(position.get(&["x"])?, Some(0.25));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name breaks the rules or is taken by another definition.
    pub fn register_gauge(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
    ) -> Result<Metric, RegisterError> {
        self.register(descriptor(MetricKind::Gauge, name, help, label_names))
    }

    /// Registers a distribution counted in buckets with these rising upper bounds, inclusive; none given:
    /// [`DEFAULT_BUCKETS`](crate::DEFAULT_BUCKETS). Returns the metric there is if it is defined so already.
    ///
    /// ```
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// let force = registry.register_histogram("grip_force_newtons", "Force of a grip.", &[], &[1.0, 5.0])?;
    /// force.histogram(&[])?.observe(5.0);
    /// let page = registry.export_prometheus(std::time::Duration::ZERO);
    /// assert!(page.contains("robot_grip_force_newtons_bucket{le=\"5\"} 1\n"), "{page}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name breaks the rules or is taken by another definition, or the bounds do not rise.
    pub fn register_histogram(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
        buckets: &[f64],
    ) -> Result<Metric, RegisterError> {
        let buckets = buckets.to_vec();
        self.register(MetricDescriptor {
            buckets,
            ..descriptor(MetricKind::Histogram, name, help, label_names)
        })
    }

    /// Registers a distribution whose quantiles are told over a sliding window; returns the metric there is if it is
    /// defined so already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::{Registry, SummaryOptions};
    ///
    /// let (registry, now) = (Registry::new("robot"), Duration::from_secs(1_700_000_000));
    /// let options = SummaryOptions { quantiles: &[0.5], ..SummaryOptions::default() };
    /// let moves = registry.register_summary("move_seconds", "Duration of a move.", &[], options)?;
    /// moves.summary(&[])?.observe(2.0, now);
    /// assert_eq!(moves.get_quantile(&[], 0.5, now)?, Some(2.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name breaks the rules or is taken by another definition, or an option is out of its range.
    pub fn register_summary(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
        options: SummaryOptions<'_>,
    ) -> Result<Metric, RegisterError> {
        let SummaryOptions { quantiles, max_age } = options;
        self.register(MetricDescriptor {
            quantiles: quantiles.to_vec(),
            max_age,
            ..descriptor(MetricKind::Summary, name, help, label_names)
        })
    }
}

fn descriptor(kind: MetricKind, name: &str, help: &str, label_names: &[&str]) -> MetricDescriptor {
    MetricDescriptor {
        help: help.to_owned(),
        label_names: label_names.iter().map(ToString::to_string).collect(),
        ..MetricDescriptor::new(name, kind)
    }
}
