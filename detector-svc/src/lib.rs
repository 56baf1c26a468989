//! Detects objects in camera frames from Redis and in images from gRPC callers.
//!
//! A frame flows from [`source`] through [`pipeline`] (decode in [`image`], resize in [`preprocess`], run in
//! [`inference`], read by [`model`]) to [`publish`]; [`ownership`] tells which streams are this process's; [`ledger`] accounts for it from receipt to verdict. Callers
//! come in through [`grpc`] and share the pipeline.

pub mod annotate;
mod app;
pub mod detection;
pub mod frame;
pub mod glob;
pub mod grpc;
pub mod image;
pub mod inference;
pub mod ledger;
pub mod mask;
pub mod model;
pub mod ownership;
pub mod pipeline;
pub mod preprocess;
pub mod publish;
pub mod redis_client;
pub mod replay;
mod sampler;
pub mod segment;
pub mod settings;
pub mod source;
pub mod spare;
pub mod track;

pub use self::{
    app::{APP, App, AppError},
    settings::Settings,
};
