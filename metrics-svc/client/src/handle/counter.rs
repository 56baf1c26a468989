//! Handle of a counter.

use std::sync::Arc;

use crate::remote::Increment;

/// Counts up; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Counter(CounterTarget);

/// Where increments go.
#[derive(Clone, Debug)]
pub(crate) enum CounterTarget {
    Remote(Arc<Increment>),
    Local(vision_metrics::Counter),
    /// The series does not exist: what is recorded is counted as dropped.
    Refused(Box<Counter>),
    Disabled,
}

impl Counter {
    pub(crate) fn new(target: CounterTarget) -> Self {
        Self(target)
    }

    /// Adds one.
    pub fn inc(&self) {
        match &self.0 {
            CounterTarget::Remote(increment) => increment.add_one(),
            CounterTarget::Local(counter) => counter.inc(),
            CounterTarget::Refused(dropped) => dropped.inc(),
            CounterTarget::Disabled => {}
        }
    }

    /// Adds `value`; ignored when negative or not finite, since a counter never falls.
    pub fn add(&self, value: f64) {
        match &self.0 {
            CounterTarget::Remote(increment) => increment.add(value),
            CounterTarget::Local(counter) => counter.add(value),
            CounterTarget::Refused(dropped) => dropped.inc(),
            CounterTarget::Disabled => {}
        }
    }
}
