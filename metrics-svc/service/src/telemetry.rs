//! What the process tells about itself, through OpenTelemetry.

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::{error::OTelSdkError, metrics::SdkMeterProvider};
use prometheus::proto::{self, MetricFamily, MetricType};
use vision_metrics::{Distribution, Labels, MetricDescriptor, MetricKind, MetricSnapshot, SeriesValue};

/// A process's own instruments; a cheap handle.
#[derive(Clone, Debug)]
pub struct Telemetry {
    prefix: &'static str,
    provider: SdkMeterProvider,
    registry: prometheus::Registry,
}

impl Telemetry {
    /// Instruments whose exported names start with `prefix` and `_`.
    ///
    /// # Errors
    /// The exporter cannot be set up.
    pub fn new(prefix: &'static str) -> Result<Self, OTelSdkError> {
        let registry = prometheus::Registry::new();
        // Scope labels and target_info would add a constant to every line that no query asks for.
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .with_namespace(prefix)
            .scope_info_enabled(false)
            .without_target_info()
            .build()?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        Ok(Self { prefix, provider, registry })
    }

    /// Makes instruments.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.provider.meter(self.prefix)
    }

    /// The current values, as an exporter sees them.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricSnapshot> {
        self.registry.gather().iter().filter_map(metric).collect()
    }
}

/// One metric; `None` for a kind that OpenTelemetry does not make.
fn metric(family: &MetricFamily) -> Option<MetricSnapshot> {
    let (kind, value): (_, fn(&proto::Metric) -> SeriesValue) = match family.get_field_type() {
        MetricType::COUNTER => {
            (MetricKind::Counter, |metric| SeriesValue::Counter(metric.get_counter().get_value()))
        }
        MetricType::GAUGE => (MetricKind::Gauge, |metric| SeriesValue::Gauge(metric.get_gauge().get_value())),
        MetricType::HISTOGRAM => {
            (MetricKind::Histogram, |metric| SeriesValue::Histogram(distribution(metric.get_histogram())))
        }
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let series = family.get_metric().iter().map(|metric| {
        let labels = metric.get_label().iter().map(|label| (label.name(), label.value()));
        (Labels::new(labels), value(metric))
    });
    let descriptor =
        MetricDescriptor { help: family.help().to_owned(), ..MetricDescriptor::new(family.name(), kind) };
    Some(MetricSnapshot::new(family.name().to_owned(), descriptor, series.collect()))
}

fn distribution(histogram: &proto::Histogram) -> Distribution {
    let count = histogram.get_sample_count();
    let buckets = histogram.get_bucket().iter();
    let mut buckets: Vec<_> = buckets.map(|b| (b.upper_bound(), b.cumulative_count())).collect();
    if buckets.last().is_none_or(|(bound, _)| bound.is_finite()) {
        buckets.push((f64::INFINITY, count));
    }
    let sum = histogram.get_sample_sum();
    Distribution { count, sum, buckets, quantiles: Vec::new(), statistics: None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn names_have_the_prefix_and_lines_no_scope() {
        let telemetry = Telemetry::new("metrics_svc").unwrap();
        let batches = telemetry.meter().u64_counter("batches").with_description("Help.").build();
        batches.add(2, &[KeyValue::new("reason", "a")]);
        let duration = telemetry.meter().f64_histogram("duration").with_unit("s").build();
        duration.record(3.0, &[]);
        let metrics = telemetry.metrics();
        assert_eq!(metrics.len(), 2, "{metrics:?}");
        assert_eq!(metrics[0].name, "metrics_svc_batches_total");
        assert_eq!(metrics[0].descriptor.help, "Help.");
        let batches = metrics[0].series().next().unwrap();
        assert_eq!(batches.labels.as_str(), "reason=\"a\"");
        assert_eq!(batches.value, SeriesValue::Counter(2.0));
        assert_eq!(metrics[1].name, "metrics_svc_duration_seconds");
        let SeriesValue::Histogram(distribution) = metrics[1].series().next().unwrap().value else {
            panic!("{metrics:?}");
        };
        assert_eq!((distribution.count, distribution.sum), (1, 3.0));
        assert_eq!(distribution.buckets.last(), Some(&(f64::INFINITY, 1)));
    }
}
