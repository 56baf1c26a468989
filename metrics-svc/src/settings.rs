//! The settings, and what is wrong with them that no type rules out.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use vision_metrics::{MetricDescriptor, MetricKind};
use vision_service::{logging::LogSettings, settings::InvalidSetting, shutdown::ShutdownSettings};

vision_service::settings! {
    /// Everything.
    pub struct Settings {
        /// The gRPC server, which takes metric events.
        pub grpc: GrpcSettings,
        /// The HTTP server, which shows their aggregates.
        pub http: HttpSettings,
        /// The metrics.
        pub metrics: MetricsSettings,
        /// Keeping the metrics.
        pub storage: StorageSettings,
        /// Log lines.
        pub log: LogSettings,
        /// Ending the process.
        pub shutdown: ShutdownSettings,
    }
}

vision_service::settings! {
    /// The gRPC server.
    pub struct GrpcSettings {
        /// Address to listen on; port 0 picks a free one.
        pub listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 50052)),
    }
}

vision_service::settings! {
    /// The HTTP server.
    pub struct HttpSettings {
        /// Address to listen on; port 0 picks a free one.
        pub listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 9090)),
    }
}

vision_service::settings! {
    /// The metrics.
    pub struct MetricsSettings checked by check_metrics {
        /// What every name starts with, before an underscore; empty: nothing.
        pub namespace: String = "vision_detect_segment".to_owned(),
        /// Series kept at most. What further ones would take goes to one series of the metric, with every label
        /// `__overflow__`.
        pub max_series: usize = 100_000,
        /// How long a gauge is shown after its producer told it last. Recorders tell theirs every minute.
        #[serde(with = "humantime_serde")]
        pub expire_after: Duration = Duration::from_secs(300),
        /// Bounds added to the buckets that a histogram declares, by its name without the namespace, as in
        /// `detection_latency_seconds = [0.001, 0.0025, 0.005]`.
        pub buckets: BTreeMap<String, Vec<f64>> = BTreeMap::new(),
    }
}

vision_service::settings! {
    /// Keeping the metrics.
    pub struct StorageSettings checked by check_storage {
        /// Directory to keep the metrics in; empty: in memory only, which is all that there is so far.
        pub dir: String = String::new(),
    }
}

fn check_metrics(settings: &MetricsSettings) -> Result<(), InvalidSetting> {
    let named = |name: &str| MetricDescriptor::new(name, MetricKind::Histogram);
    if !settings.namespace.is_empty() && named(&settings.namespace).validate().is_err() {
        let reason = format!("is {:?}, not [a-zA-Z_:][a-zA-Z0-9_:]* or empty", settings.namespace);
        return Err(InvalidSetting::new("namespace", reason));
    }
    if settings.max_series == 0 {
        return Err(InvalidSetting::new("max_series", "is 0: there would be no metrics"));
    }
    if settings.expire_after < Duration::from_secs(1) {
        let reason = format!("is {:?}, less than 1s", settings.expire_after);
        return Err(InvalidSetting::new("expire_after", reason));
    }
    for (name, bounds) in &settings.buckets {
        let mut buckets = bounds.clone();
        buckets.sort_by(f64::total_cmp);
        let histogram = MetricDescriptor { buckets, ..named(name) };
        histogram.validate().map_err(|error| {
            InvalidSetting::new(format!("buckets.{name}"), format!("cannot be {bounds:?}: {error}"))
        })?;
    }
    Ok(())
}

fn check_storage(settings: &StorageSettings) -> Result<(), InvalidSetting> {
    if settings.dir.is_empty() {
        return Ok(());
    }
    let reason = format!("is {:?}, and metrics are kept in memory only: leave it empty", settings.dir);
    Err(InvalidSetting::new("dir", reason))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use vision_service::settings::{self, Layers, SettingsError};

    use super::*;
    use crate::APP;

    fn load(key: &str, value: &str) -> Result<Settings, SettingsError> {
        let overrides = vec![(key.to_owned(), value.to_owned())];
        settings::load(&APP, &Layers { overrides, ..Layers::default() })
    }

    #[test]
    fn buckets_are_set_by_metric() {
        let settings = load("metrics.buckets.latency_seconds", "[0.005, 1]").unwrap();
        assert_eq!(settings.metrics.buckets["latency_seconds"], [0.005, 1.0]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (key, value, expected) in [
            (
                "storage.dir",
                "/data",
                "setting `storage.dir` is \"/data\", and metrics are kept in memory only",
            ),
            ("metrics.namespace", "a-b", "setting `metrics.namespace` is \"a-b\""),
            ("metrics.max_series", "0", "setting `metrics.max_series` is 0"),
            ("metrics.expire_after", "5ms", "setting `metrics.expire_after` is 5ms"),
            ("metrics.buckets.h", "[inf]", "setting `metrics.buckets.h` cannot be [inf]: bucket bound inf"),
            ("metrics.buckets.h", "[1, 1]", "does not rise"),
            ("metrics.buckets.a-b", "[1]", "metric name \"a-b\""),
        ] {
            let refused = load(key, value).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        assert!(load("metrics.namespace", "").is_ok());
    }
}
