//! What the process tells about itself, through OpenTelemetry, in the Prometheus text format.

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::{error::OTelSdkError, metrics::SdkMeterProvider};

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

    /// Appends the current values to `out`.
    ///
    /// # Errors
    /// Two instruments contradict each other.
    pub fn render(&self, out: &mut String) -> Result<(), prometheus::Error> {
        prometheus::TextEncoder::new().encode_utf8(&self.registry.gather(), out)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn names_have_the_prefix_and_lines_no_scope() {
        let telemetry = Telemetry::new("metrics_svc").unwrap();
        let batches = telemetry.meter().u64_counter("batches").build();
        batches.add(2, &[KeyValue::new("reason", "a")]);
        let mut out = String::new();
        telemetry.render(&mut out).unwrap();
        assert!(out.contains("metrics_svc_batches_total{reason=\"a\"} 2\n"), "{out}");
        assert!(!out.contains("target_info"), "{out}");
    }
}
