//! What a program records through: one handle a series, cheap to clone and to share between threads.

mod counter;
mod distribution;
mod gauge;
mod timer;

pub use self::{
    counter::Counter,
    distribution::{Histogram, Summary},
    gauge::Gauge,
    timer::MetricsTimer,
};
pub(crate) use self::{counter::CounterTarget, distribution::DistributionTarget, gauge::GaugeTarget};
