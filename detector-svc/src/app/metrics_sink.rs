//! Where the metrics of this process go.

use std::{sync::Arc, time::Duration};

use vision_metrics::{Registry, catalogue::FRAMES_IN_FLIGHT};
use vision_metrics_client::{Recorder, RecorderSettings, RecorderTask};
use vision_proto::metrics::v1::{
    GetMetricsRequest, metrics_service_client::MetricsServiceClient, series::Value,
};
use vision_service::{
    clock::unix_now,
    http::{self, SnapshotSource},
};

use super::AppError;
use crate::settings::MetricsSettings;

/// Where metrics go.
pub(super) enum MetricsSink {
    Service(RecorderTask, RecorderSettings),
    Here(Arc<Registry>),
}

/// Label that tells producers apart.
const INSTANCE: &str = "instance";
/// How long the metrics service may take to tell about an earlier run.
const PATIENCE: Duration = Duration::from_secs(2);

impl MetricsSink {
    /// Starts recording as the settings say.
    pub(super) fn start(settings: &MetricsSettings, grpc_port: u16) -> Result<(Recorder, Self), AppError> {
        let registry = Registry::with_max_series(&settings.namespace, settings.max_series);
        let registry = Arc::new(registry.started_at(unix_now()));
        if !settings.enabled {
            return Ok((Recorder::disabled(), Self::Here(registry)));
        }
        match settings.recorder(grpc_port) {
            Some(service) => {
                let (recorder, task) = Recorder::connect(service.clone())?;
                Ok((recorder, Self::Service(task, service)))
            }
            None => Ok((Recorder::local(Arc::clone(&registry)), Self::Here(registry))),
        }
    }

    /// What this process shows on its own page.
    pub(super) fn snapshot_source(&self) -> SnapshotSource {
        http::snapshots(match self {
            Self::Service(..) => Arc::new(Registry::new("")),
            Self::Here(registry) => Arc::clone(registry),
        })
    }

    /// Frames that an earlier run of this process had in flight when it was killed, as far as the metrics service
    /// was told: nobody else can give them a verdict.
    pub(super) async fn abandoned_frames(&self) -> u64 {
        let Self::Service(_, settings) = self else {
            return 0;
        };
        let asked = tokio::time::timeout(PATIENCE, in_flight(settings)).await;
        match asked.map_err(|_| format!("no answer within {PATIENCE:?}")).flatten() {
            Ok(frames) => frames as u64,
            Err(error) => {
                tracing::info!(error, "cannot tell whether an earlier run has left frames without a verdict");
                0
            }
        }
    }

    /// Waits until everything recorded is acknowledged.
    pub(super) async fn finish(self, patience: Duration) {
        if let Self::Service(task, _) = self
            && let Err(unflushed) = task.shutdown(patience).await
        {
            tracing::warn!(error = %unflushed, "metrics are lost");
        }
    }
}

async fn in_flight(settings: &RecorderSettings) -> Result<f64, String> {
    let client = MetricsServiceClient::connect(settings.endpoint.clone()).await;
    let request = GetMetricsRequest {
        name_prefix: FRAMES_IN_FLIGHT.name.to_owned(),
        labels: [(INSTANCE.to_owned(), settings.producer_id.clone())].into(),
        ..GetMetricsRequest::default()
    };
    let page = client.map_err(|error| error.to_string())?.get_metrics(request).await;
    let page = page.map_err(|status| status.to_string())?.into_inner();
    let series = page.metrics.into_iter().flat_map(|metric| metric.series);
    let values = series.filter_map(|series| match series.value {
        Some(Value::Gauge(value)) => Some(value),
        _ => None,
    });
    Ok(values.fold(0.0, |sum, value| sum + value))
}
