//! Between the wire's descriptors and the model's.

use std::time::Duration;

use vision_metrics::{DEFAULT_MAX_AGE, Merge, MetricDescriptor, MetricKind, Operation};
use vision_proto::metrics::v1 as wire;

use super::rejection::Refusal;

/// Reads a declaration; its names and numbers are checked when it is registered.
pub(super) fn descriptor(wire: &wire::MetricDescriptor) -> Result<MetricDescriptor, Refusal> {
    Ok(MetricDescriptor {
        name: wire.name.clone(),
        kind: kind(wire)?,
        help: wire.help.clone(),
        unit: wire.unit.clone(),
        label_names: wire.label_names.clone(),
        buckets: wire.buckets.clone(),
        quantiles: wire.quantiles.clone(),
        max_age: max_age(wire)?,
        merge: merge(wire)?,
    })
}

/// Reads an operation's number.
#[inline]
pub(super) fn operation(number: i32) -> Result<Operation, Refusal> {
    match wire::Operation::try_from(number) {
        Ok(wire::Operation::Unspecified) => Ok(Operation::Default),
        Ok(wire::Operation::Set) => Ok(Operation::Set),
        Ok(wire::Operation::Add) => Ok(Operation::Add),
        Err(_) => {
            let message = format!("operation {number} is unknown");
            Err(Refusal::new(wire::RejectionReason::InvalidValue, message))
        }
    }
}

fn kind(wire: &wire::MetricDescriptor) -> Result<MetricKind, Refusal> {
    match wire::MetricKind::try_from(wire.kind) {
        Ok(wire::MetricKind::Counter) => Ok(MetricKind::Counter),
        Ok(wire::MetricKind::Gauge) => Ok(MetricKind::Gauge),
        Ok(wire::MetricKind::Histogram) => Ok(MetricKind::Histogram),
        Ok(wire::MetricKind::Summary) => Ok(MetricKind::Summary),
        Ok(wire::MetricKind::Unspecified) | Err(_) => {
            Err(contradiction(format!("metric {:?} has unknown kind {}", wire.name, wire.kind)))
        }
    }
}

fn merge(wire: &wire::MetricDescriptor) -> Result<Merge, Refusal> {
    match wire::Merge::try_from(wire.merge) {
        Ok(wire::Merge::Unspecified) => Ok(Merge::Default),
        Ok(wire::Merge::Sum) => Ok(Merge::Sum),
        Ok(wire::Merge::Max) => Ok(Merge::Max),
        Ok(wire::Merge::Last) => Ok(Merge::Last),
        Ok(wire::Merge::PerProducer) => Ok(Merge::PerProducer),
        Err(_) => Err(contradiction(format!("metric {:?} has unknown merge {}", wire.name, wire.merge))),
    }
}

fn max_age(wire: &wire::MetricDescriptor) -> Result<Duration, Refusal> {
    let Some(max_age) = wire.max_age else {
        return Ok(DEFAULT_MAX_AGE);
    };
    Duration::try_from(max_age).map_err(|_| {
        contradiction(format!("metric {:?} has negative max_age of {} s", wire.name, max_age.seconds))
    })
}

fn contradiction(message: String) -> Refusal {
    Refusal::new(wire::RejectionReason::DescriptorConflict, message)
}
