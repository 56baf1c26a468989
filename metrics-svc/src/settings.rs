//! The settings, and what is wrong with them that no type rules out.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use vision_metrics::{MetricDescriptor, MetricKind};
use vision_service::{
    grpc::Limits, logging::LogSettings, settings::InvalidSetting, shutdown::ShutdownSettings,
};

use crate::grpc::MAX_REQUEST_BYTES;

/// Longest time between two checkpoints: one that a clock can count to.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

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
    pub struct GrpcSettings checked by check_grpc {
        /// Address to listen on; port 0 picks a free one.
        pub listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 50052)),
        /// Most bytes of one message, 1024 to 33554432. Recorders keep below 4 MiB.
        pub max_message_bytes: usize = MAX_REQUEST_BYTES,
        /// What the server takes on at once.
        pub limits: Limits,
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
        /// Series of one metric at most; 0: as many as there may be.
        pub max_series_per_metric: usize = 0,
        /// Series that one producer may make at most; 0: as many as there may be.
        pub max_series_per_producer: usize = 0,
        /// How long a gauge is shown after its last value and after its producer was last seen.
        #[serde(with = "humantime_serde")]
        pub expire_after: Duration = Duration::from_secs(300),
        /// How long counters, histograms and summaries are shown after their last value; 0: for ever. One that returns
        /// goes on from where it was.
        #[serde(with = "humantime_serde")]
        pub expire_totals_after: Duration = Duration::ZERO,
        /// How long a producer may be away and still have its batches told from repetitions.
        #[serde(with = "humantime_serde")]
        pub forget_producers_after: Duration = Duration::from_secs(24 * 60 * 60),
        /// Bounds added to the buckets that a histogram declares, by its name without the namespace, as in
        /// `detection_latency_seconds = [0.001, 0.0025, 0.005]`.
        pub buckets: BTreeMap<String, Vec<f64>> = BTreeMap::new(),
    }
}

vision_service::settings! {
    /// Keeping the metrics.
    pub struct StorageSettings checked by check_storage {
        /// Directory to keep the metrics in, so that nothing that is acknowledged is lost in a crash; empty: in memory
        /// only.
        pub dir: String = String::new(),
        /// Bytes of journal after which the state is written out as a whole, at least 65536: the more, the longer a
        /// start takes.
        pub checkpoint_bytes: u64 = 64 << 20,
        /// Time after which the state is written out as a whole, at least 1s.
        #[serde(with = "humantime_serde")]
        pub checkpoint_interval: Duration = Duration::from_secs(300),
    }
}

fn check_grpc(settings: &GrpcSettings) -> Result<(), InvalidSetting> {
    let bytes = settings.max_message_bytes;
    if (1024..=32 << 20).contains(&bytes) {
        return Ok(());
    }
    Err(InvalidSetting::new("max_message_bytes", format!("is {bytes}, not within 1024..=33554432")))
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
    for (key, time, may_be_zero) in [
        ("expire_after", settings.expire_after, false),
        ("expire_totals_after", settings.expire_totals_after, true),
        ("forget_producers_after", settings.forget_producers_after, false),
    ] {
        if time < Duration::from_secs(1) && !(may_be_zero && time.is_zero()) {
            return Err(InvalidSetting::new(key, format!("is {time:?}, less than 1s")));
        }
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
    if settings.checkpoint_bytes < 1 << 16 {
        let reason = format!("is {}, less than 65536", settings.checkpoint_bytes);
        return Err(InvalidSetting::new("checkpoint_bytes", reason));
    }
    if !(Duration::from_secs(1)..=LONGEST_INTERVAL).contains(&settings.checkpoint_interval) {
        let reason = format!("is {:?}, not within 1s..=1year", settings.checkpoint_interval);
        return Err(InvalidSetting::new("checkpoint_interval", reason));
    }
    Ok(())
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
            ("grpc.max_message_bytes", "5", "setting `grpc.max_message_bytes` is 5"),
            ("storage.checkpoint_bytes", "5", "setting `storage.checkpoint_bytes` is 5"),
            ("storage.checkpoint_interval", "5ms", "setting `storage.checkpoint_interval` is 5ms"),
            ("metrics.expire_totals_after", "5ms", "setting `metrics.expire_totals_after` is 5ms"),
            ("metrics.forget_producers_after", "0s", "setting `metrics.forget_producers_after` is 0ns"),
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
