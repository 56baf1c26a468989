//! The HTTP side of a service: its pages, and the server that they are served by.

mod accept;
mod exporter;
mod exposition;
mod metrics;
mod page;
mod server;

pub use self::{
    exporter::MetricsExporter,
    exposition::{Exposition, Health, Purpose, SnapshotSource, snapshots},
    server::{Bound, bind},
};
