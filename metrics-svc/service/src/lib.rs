//! The shell of a service process: settings in layers, the command line, logging, shutdown, its own
//! telemetry, the gRPC server and the HTTP pages that show metrics and health.
//!
//! A service's `main` is a table of contents over these modules; nothing here knows what the service does.

pub mod cli;
pub mod clock;
mod connections;
pub mod grpc;
pub mod http;
pub mod logging;
pub mod rate_limit;
pub mod readiness;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
mod trace_context;

/// Which program this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppInfo {
    /// Name of the binary, as in `metrics-svc`.
    pub name: &'static str,
    /// Version of the binary.
    pub version: &'static str,
    /// What its environment variables start with, before the double underscore, as in `METRICS_SVC`.
    pub env_prefix: &'static str,
}
