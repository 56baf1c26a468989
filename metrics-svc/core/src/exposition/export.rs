//! The pages of a registry in one call.

use super::{TextFormat, json, text};
use crate::{Registry, Snapshot, UnixTime};

impl Registry {
    /// Every series of every metric, windows as of `now`: another name of [`Registry::snapshot`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::{Registry, SeriesValue};
    ///
    /// let registry = Registry::new("robot");
    /// registry.register_gauge("objects_held", "Objects in the gripper.", &[])?.gauge(&[])?.set(2.0);
    /// let collected = registry.collect_all(Duration::from_secs(1_700_000_000));
    /// assert_eq!(collected.metrics[0].name, "robot_objects_held");
    /// let values: Vec<_> = collected.metrics[0].series().map(|series| series.value).collect();
    /// assert_eq!(values, [SeriesValue::Gauge(2.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn collect_all(&self, now: UnixTime) -> Snapshot {
        self.snapshot(now)
    }

    /// The page that Prometheus scrapes, in text format 0.0.4; for OpenMetrics see [`text`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// registry.register_counter("grips_total", "Grips.", &["arm"])?.counter(&["left"])?.inc();
    /// let page = registry.export_prometheus(Duration::from_secs(1_700_000_000));
    /// assert!(page.contains("# TYPE robot_grips_total counter\n"));
    /// assert!(page.contains("robot_grips_total{arm=\"left\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn export_prometheus(&self, now: UnixTime) -> String {
        text(&self.snapshot_for_text(now), TextFormat::Prometheus)
    }

    /// The page of JSON: metrics by name with their samples and statistics.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vision_metrics::Registry;
    ///
    /// let registry = Registry::new("robot");
    /// registry.register_counter("grips_total", "Grips.", &["arm"])?.counter(&["left"])?.inc();
    /// let page = registry.export_json(Duration::from_secs(1_700_000_000));
    /// let page: serde_json::Value = serde_json::from_str(&page)?;
    /// let sample = &page["robot_grips_total"]["samples"][0];
    /// assert_eq!((&sample["labels"]["arm"], &sample["value"]), (&"left".into(), &1.0.into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn export_json(&self, now: UnixTime) -> String {
        json(&self.snapshot(now))
    }
}
