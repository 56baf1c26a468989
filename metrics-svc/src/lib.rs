//! Counts metric events exactly once and serves their aggregates.

mod grpc;
mod ingest;
mod query;

pub use self::{
    grpc::MetricsGrpc,
    ingest::{Ingest, OpenError},
};
