//! Handle of a gauge.

use std::sync::Arc;

use super::Counter;
use crate::remote::Level;

/// Shows a value that goes up and down; cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Gauge(GaugeTarget);

/// Where values go.
#[derive(Clone, Debug)]
pub(crate) enum GaugeTarget {
    Remote(Arc<Level>),
    Local(vision_metrics::Gauge),
    /// The series does not exist: what is recorded is counted as dropped.
    Refused(Counter),
    Disabled,
}

impl Gauge {
    pub(crate) fn new(target: GaugeTarget) -> Self {
        Self(target)
    }

    /// Replaces the value; ignored when not finite.
    pub fn set(&self, value: f64) {
        match &self.0 {
            GaugeTarget::Remote(level) => level.set(value),
            GaugeTarget::Local(gauge) => gauge.set(value),
            GaugeTarget::Refused(dropped) => dropped.inc(),
            GaugeTarget::Disabled => {}
        }
    }

    /// Adds to the value, or subtracts; ignored when not finite.
    pub fn add(&self, value: f64) {
        match &self.0 {
            GaugeTarget::Remote(level) => level.add(value),
            GaugeTarget::Local(gauge) => gauge.add(value),
            GaugeTarget::Refused(dropped) => dropped.inc(),
            GaugeTarget::Disabled => {}
        }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.add(-1.0);
    }
}
