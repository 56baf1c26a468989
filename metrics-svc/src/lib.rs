//! Counts metric events exactly once and serves their aggregates.

mod app;
mod durable;
mod grpc;
pub mod ingest;
mod intake;
mod query;
mod settings;
pub mod storage;

use vision_service::AppInfo;

pub use self::{
    app::{App, BindError, RunError},
    durable::{DurableError, RestoreError},
    grpc::MetricsGrpc,
    ingest::{Ingest, OpenError},
    intake::Intake,
    settings::{GrpcSettings, HttpSettings, MetricsSettings, Settings, StorageSettings},
};

/// This program.
pub const APP: AppInfo =
    AppInfo { name: "metrics-svc", version: env!("CARGO_PKG_VERSION"), env_prefix: "METRICS_SVC" };
