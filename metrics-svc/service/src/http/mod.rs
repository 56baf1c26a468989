//! The HTTP side of a service: its pages, and the server that they are served by.

mod accept;
mod exposition;
mod server;

pub use self::{
    exposition::{Exposition, Health, SnapshotSource},
    server::{Bound, bind},
};
