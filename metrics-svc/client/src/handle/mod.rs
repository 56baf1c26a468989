//! What a program records through: one handle a series, cheap to clone and to share between threads.

mod counter;
mod gauge;
mod observer;
mod timer;

pub use self::{
    counter::Counter,
    gauge::Gauge,
    observer::{Histogram, Observer, Summary},
    timer::MetricsTimer,
};
pub(crate) use self::{counter::CounterTarget, gauge::GaugeTarget, observer::ObserverTarget};
