//! The metric model: descriptors, a registry of series, sliding windows, snapshots and their text and JSON forms.
//!
//! Nothing here does I/O, knows an async runtime or reads a clock: time is an argument.

pub mod catalogue;
mod descriptor;
pub mod exposition;
mod label;
mod metric;
mod name;
mod registry;
mod series;
mod sketch;
mod snapshot;
mod window;

pub use descriptor::{
    DEFAULT_BUCKETS, DEFAULT_MAX_AGE, DEFAULT_QUANTILES, DescriptorError, Merge, MetricDescriptor, MetricKind,
};
pub use label::{LabelError, MAX_LABEL_VALUE_BYTES, OVERFLOW};
pub use metric::Metric;
pub use registry::{RegisterError, Registry, Together};
pub use series::{Counter, Gauge, Histogram, Operation, Series, Summary, ValueError};
pub use sketch::{RELATIVE_ACCURACY, Sketch};
pub use snapshot::{Distribution, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot, Statistics};
pub use window::SlidingWindow;

/// A point in time: how long after the Unix epoch.
pub type UnixTime = std::time::Duration;
