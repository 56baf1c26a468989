//! Counts metric events exactly once and serves their aggregates.

mod app;
mod grpc;
mod ingest;
mod query;
mod settings;

use vision_service::AppInfo;

pub use self::{
    app::{App, BindError, RunError},
    grpc::MetricsGrpc,
    ingest::{Ingest, OpenError},
    settings::{GrpcSettings, HttpSettings, MetricsSettings, Settings, StorageSettings},
};

/// This program.
pub const APP: AppInfo =
    AppInfo { name: "metrics-svc", version: env!("CARGO_PKG_VERSION"), env_prefix: "METRICS_SVC" };
