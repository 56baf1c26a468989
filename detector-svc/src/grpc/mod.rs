//! The gRPC face: `Detect`, `DetectStream`, `Watch` and `GetModel`.

mod convert;
mod deadline;
mod service;
mod watch;

pub use self::service::{DetectorGrpc, Engine};
