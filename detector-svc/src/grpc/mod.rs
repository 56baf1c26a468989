//! The gRPC face: `Detect`, `DetectStream`, `Watch` and `GetModel`.

mod convert;
mod deadline;
mod oversized;
mod service;
mod watch;

pub(crate) use self::oversized::oversized_is_invalid;
pub use self::service::{DetectorGrpc, Engine};
