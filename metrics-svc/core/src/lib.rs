//! The metric model: descriptors, a registry of series, sliding windows, snapshots and their text and JSON forms.
//!
//! Nothing here does I/O, knows an async runtime or reads a clock: time is an argument.

mod budget;
pub mod catalogue;
mod descriptor;
mod exemplar;
pub mod exposition;
mod label;
mod labels;
mod lookup;
mod metric;
mod name;
mod reading;
mod register;
mod registry;
mod series;
mod sketch;
mod snapshot;
mod state;
mod together;
mod window;

pub use budget::SeriesBudget;
pub use descriptor::{
    DEFAULT_BUCKETS, DEFAULT_MAX_AGE, DEFAULT_QUANTILES, DescriptorError, Merge, MetricDescriptor, MetricKind,
};
pub use exemplar::Exemplar;
pub use label::{LabelError, MAX_LABEL_VALUE_BYTES, OVERFLOW};
pub use labels::{LabelPairs, Labels};
pub use lookup::LookupError;
pub use metric::{Metric, Origin};
pub use register::SummaryOptions;
pub use registry::{Expiry, RegisterError, Registry, SeriesLimits};
pub use series::{
    Counter, CounterState, Gauge, Histogram, HistogramState, Operation, Series, StateError, Summary,
    SummaryState, ValueError,
};
pub use sketch::{RELATIVE_ACCURACY, Sketch};
pub use snapshot::{Distribution, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot, Statistics};
pub use state::{CapturedMetric, SeriesState, ValueState};
pub use together::Together;
pub use window::SlidingWindow;

/// A point in time: how long after the Unix epoch.
pub type UnixTime = std::time::Duration;
