//! Where the metrics of this process go.

use std::{sync::Arc, time::Duration};

use vision_metrics::{Registry, Snapshot};
use vision_metrics_client::{Recorder, RecorderTask};
use vision_service::http::SnapshotSource;

use super::{AppError, unix_now};
use crate::settings::MetricsSettings;

/// Where metrics go.
pub(super) enum MetricsSink {
    Service(RecorderTask),
    Here(Arc<Registry>),
}

impl MetricsSink {
    /// Starts recording as the settings say.
    pub(super) fn start(settings: &MetricsSettings) -> Result<(Recorder, Self), AppError> {
        let registry = Arc::new(Registry::with_max_series(&settings.namespace, settings.max_series));
        if !settings.enabled {
            return Ok((Recorder::disabled(), Self::Here(registry)));
        }
        match settings.recorder() {
            Some(recorder) => {
                let (recorder, task) = Recorder::connect(recorder)?;
                Ok((recorder, Self::Service(task)))
            }
            None => Ok((Recorder::local(Arc::clone(&registry)), Self::Here(registry))),
        }
    }

    /// What this process shows on its own page.
    pub(super) fn snapshot_source(&self) -> SnapshotSource {
        match self {
            Self::Service(_) => Arc::new(|| Snapshot { time: unix_now(), metrics: Vec::new() }),
            Self::Here(registry) => {
                let registry = Arc::clone(registry);
                Arc::new(move || registry.snapshot(unix_now()))
            }
        }
    }

    /// Waits until everything recorded is acknowledged.
    pub(super) async fn finish(self, patience: Duration) {
        if let Self::Service(task) = self
            && let Err(unflushed) = task.shutdown(patience).await
        {
            tracing::warn!(error = %unflushed, "metrics are lost");
        }
    }
}
