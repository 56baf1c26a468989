//! The recorder: where a program records its metrics, and how they reach who aggregates them.
//!
//! A [`Recorder`] gives out handles, each for one series, looked up once and then a few nanoseconds a record.
//! Behind them is one of three sinks: a `Record` stream to a metrics service, a registry in the same process,
//! or nothing. Recording never blocks, never fails and never grows memory.
//!
//! Towards a service a background task cuts numbered batches, keeps each until it is acknowledged and sends
//! what is not again after a reconnect, so that a broken connection neither loses nor doubles a count.
//!
//! [`VisionMetrics`] has a method for each event of a detecting program, and [`default_registry`] is there for
//! programs that want to make neither a recorder nor a registry.

mod clock;
mod default_registry;
mod handle;
mod local;
mod lookup;
mod recorder;
mod remote;
mod settings;
mod stream;
mod task;
mod vision;

pub use self::{
    clock::now,
    default_registry::default_registry,
    handle::{Counter, Gauge, Histogram, MetricsTimer, Observer, Summary},
    lookup::DeclareError,
    recorder::{Recorder, Stopped},
    settings::{RecorderSettings, RecorderSettingsError},
    task::{RecorderTask, Unflushed},
    vision::{RedisOperations, VisionMetrics, VisionSummary},
};
