//! The lives of tracks.

use std::time::Duration;

use vision_metrics::catalogue::{
    ACTIVE_TRACKS, TRACK_LIFETIME, TRACKS_CONFIRMED, TRACKS_CREATED, TRACKS_LOST, TRACKS_RECOVERED,
};

use super::VisionMetrics;

/// Tracks of objects, from frame to frame.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use vision_metrics::{Registry, catalogue::*};
/// use vision_metrics_client::{VisionMetrics, now};
///
/// let registry = Arc::new(Registry::new("robot"));
/// let metrics = VisionMetrics::local(Arc::clone(&registry), "yolo")?;
/// metrics.record_track_created();
/// metrics.record_track_confirmed();
/// metrics.record_track_recovered();
/// metrics.record_track_lost("cup", Duration::from_secs(4), "lost");
/// metrics.update_active_tracks(0);
///
/// let value = |spec: &MetricSpec, labels: &[&str]| registry.get_value(spec.name, labels);
/// for spec in [&TRACKS_CREATED, &TRACKS_CONFIRMED, &TRACKS_RECOVERED] {
///     assert_eq!(value(spec, &["yolo"])?, Some(1.0));
/// }
/// assert_eq!(value(&TRACKS_LOST, &["yolo", "lost"])?, Some(1.0));
/// assert_eq!(value(&ACTIVE_TRACKS, &["yolo"])?, Some(0.0));
/// let lifetime = registry.get_quantile(TRACK_LIFETIME.name, &["yolo", "cup"], 0.5, now())?;
/// assert_eq!(lifetime, Some(4.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl VisionMetrics {
    /// Sets how many objects are tracked at present.
    pub fn update_active_tracks(&self, count: usize) {
        self.gauge(&ACTIVE_TRACKS, &[&self.model]).set(count as f64);
    }

    /// Counts a track that begins.
    pub fn record_track_created(&self) {
        self.counter(&TRACKS_CREATED, &[&self.model]).inc();
    }

    /// Counts a track that repeated detection has confirmed.
    pub fn record_track_confirmed(&self) {
        self.counter(&TRACKS_CONFIRMED, &[&self.model]).inc();
    }

    /// Counts a track that was lost and found again.
    pub fn record_track_recovered(&self) {
        self.counter(&TRACKS_RECOVERED, &[&self.model]).inc();
    }

    /// Counts a track that ends, of an object of a class, and records how long it lived.
    pub fn record_track_lost(&self, class: &str, lifetime: Duration, reason: &str) {
        self.counter(&TRACKS_LOST, &[&self.model, reason]).inc();
        self.summary(&TRACK_LIFETIME, &[&self.model, class]).observe_duration(lifetime);
    }
}
