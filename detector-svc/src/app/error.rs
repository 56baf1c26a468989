//! Why the service does not run.

use std::{io, net::SocketAddr};

use vision_metrics_client::RecorderSettingsError;

use crate::{inference::LoadError, redis_client::ClientError, source::images::ImagesError};

/// Why the service did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The metrics service's address cannot be used.
    #[error("metrics: {0}")]
    Metrics(#[from] RecorderSettingsError),
    /// The process's own telemetry cannot be set up.
    #[error("telemetry: {0}")]
    Telemetry(String),
    /// The model cannot be served.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// Image files cannot be played.
    #[error("files: {0}")]
    Files(#[from] ImagesError),
    /// Redis settings cannot be used.
    #[error(transparent)]
    Redis(#[from] ClientError),
    /// Signals cannot be listened to.
    #[error("listen to signals: {0}")]
    Signal(io::Error),
    /// The system gives no more threads.
    #[error("start a thread: {0}")]
    Thread(io::Error),
    /// A part that should run until the end has ended.
    #[error("{part} ended: {reason}")]
    Ended {
        /// Which.
        part: &'static str,
        /// Why.
        reason: String,
    },
}
