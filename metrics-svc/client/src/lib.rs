//! The recorder: where a program records its metrics, and how they reach who aggregates them.
//!
//! A [`Recorder`] gives out handles, each for one series, looked up once and then a few nanoseconds a record.
//! Behind them is one of three sinks: a `Record` stream to a metrics service, a registry in the same process,
//! or nothing. Recording never blocks, never fails and never grows memory.
//!
//! Towards a service a background task cuts numbered batches, keeps each until it is acknowledged and sends
//! what is not again after a reconnect, so that a broken connection neither loses nor doubles a count.

mod handle;
mod local;
mod lookup;
mod recorder;
mod remote;
mod settings;
mod stream;
mod task;

pub use self::{
    handle::{Counter, Gauge, Histogram, MetricsTimer, Summary},
    recorder::{Recorder, Stopped},
    settings::{RecorderSettings, RecorderSettingsError},
    task::{RecorderTask, Unflushed},
};
