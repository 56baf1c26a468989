//! The series that a producer has given numbers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use hashbrown::HashMap;
use vision_metrics::{Metric, Operation, Series, ValueError};
use vision_proto::metrics::v1::{RejectionReason, SeriesDefinition};

use super::{batch::Target, rejection::Refusal};

/// Numbers that one producer may define in an epoch.
const MAX_DEFINITIONS: usize = 1 << 17;
/// Numbers that all producers may define together.
const MAX_DEFINITIONS_OF_ALL: usize = 1 << 20;

/// How many numbers are defined in all tables that share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Quota(Arc<AtomicUsize>);

/// Series by the number that the producer chose; lives as long as its epoch.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    entries: HashMap<u32, Entry>,
    quota: Quota,
}

#[derive(Debug)]
struct Entry {
    metric: Metric,
    series: Series,
}

impl SeriesTable {
    pub(super) fn new(quota: &Quota) -> Self {
        Self { entries: HashMap::new(), quota: quota.clone() }
    }

    /// Gives a series its number. Defining it again with the same labels is harmless.
    ///
    /// Returns whether the series is the one for what exceeds the cardinality budget.
    pub(super) fn define(
        &mut self,
        target: &Target<'_>,
        definition: &SeriesDefinition,
    ) -> Result<bool, Refusal> {
        match self.entries.get(&definition.id) {
            Some(known) if !known.is(definition) => return Err(known.conflict(definition.id)),
            Some(known) if !known.series.is_overflow() => return Ok(false),
            // There may be room by now.
            Some(_) => {}
            None => self.check_room()?,
        }
        let metric = target.metric(&definition.metric)?;
        let values: Vec<&str> = definition.label_values.iter().map(AsRef::as_ref).collect();
        let series = metric.series(&values, target.producer)?;
        series.touch(target.now);
        let overflow = series.is_overflow();
        if self.entries.insert(definition.id, Entry { metric, series }).is_none() {
            self.quota.0.fetch_add(1, Relaxed);
        }
        Ok(overflow)
    }

    /// Applies one packed sample.
    pub(super) fn apply(&mut self, target: &Target<'_>, id: u32, value: f64) -> Result<(), Refusal> {
        let entry = self.entries.get_mut(&id).ok_or_else(|| {
            let message = format!("series {id} is not defined");
            Refusal::new(RejectionReason::UnknownMetric, message)
        })?;
        let applied = entry.series.apply(value, Operation::Default, target.now);
        if applied == Err(ValueError::Expired) {
            entry.revive(target)?;
            entry.series.apply(value, Operation::Default, target.now)?;
            return Ok(());
        }
        Ok(applied?)
    }

    fn check_room(&self) -> Result<(), Refusal> {
        let full = |max| {
            let message = format!("more than {max} series numbers are defined");
            Err(Refusal::new(RejectionReason::CardinalityLimit, message))
        };
        if self.entries.len() >= MAX_DEFINITIONS {
            return full(MAX_DEFINITIONS);
        }
        if self.quota.0.load(Relaxed) >= MAX_DEFINITIONS_OF_ALL {
            return full(MAX_DEFINITIONS_OF_ALL);
        }
        Ok(())
    }
}

impl Drop for SeriesTable {
    fn drop(&mut self) {
        self.quota.0.fetch_sub(self.entries.len(), Relaxed);
    }
}

impl Entry {
    /// Whether this is the series defined. Of one in the overflow only the metric is known.
    fn is(&self, definition: &SeriesDefinition) -> bool {
        let values = definition.label_values.iter().map(String::as_str);
        self.metric.descriptor().name == definition.metric
            && (self.series.is_overflow() || self.series.label_values().eq(values))
    }

    fn conflict(&self, id: u32) -> Refusal {
        let metric = &self.metric.descriptor().name;
        let message = format!("series {id} is defined already, for metric {metric:?}");
        Refusal::new(RejectionReason::DescriptorConflict, message)
    }

    /// Looks the series up again after it expired.
    fn revive(&mut self, target: &Target<'_>) -> Result<(), Refusal> {
        let values: Vec<&str> = self.series.label_values().collect();
        self.series = self.metric.series(&values, target.producer)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use vision_metrics::{MetricDescriptor, MetricKind, Registry};

    use super::*;

    fn definition(id: u32, label: &str) -> SeriesDefinition {
        SeriesDefinition { id, metric: "g".to_owned(), label_values: vec![label.to_owned()] }
    }

    fn registry(max_series: usize) -> Registry {
        let registry = Registry::with_max_series("", max_series);
        let gauge = MetricDescriptor::new("g", MetricKind::Gauge);
        registry.register(MetricDescriptor { label_names: vec!["a".to_owned()], ..gauge }).unwrap();
        registry
    }

    #[test]
    fn a_number_means_one_series() {
        let registry = registry(0);
        let target = Target { registry: &registry, producer: None, now: Duration::from_secs(1) };
        let mut table = SeriesTable::new(&Quota::default());
        assert!(!table.define(&target, &definition(1, "x")).unwrap());
        assert!(!table.define(&target, &definition(1, "x")).unwrap());
        let conflict = table.define(&target, &definition(1, "y")).unwrap_err();
        assert_eq!(conflict.reason, RejectionReason::DescriptorConflict);
    }

    #[test]
    fn what_overflowed_finds_room_later_and_what_expired_comes_back() {
        let registry = registry(1);
        let at = |seconds| Duration::from_secs(seconds);
        let target = Target { registry: &registry, producer: None, now: at(1) };
        let mut table = SeriesTable::new(&Quota::default());
        assert!(!table.define(&target, &definition(1, "x")).unwrap());
        assert!(table.define(&target, &definition(2, "y")).unwrap());
        assert!(table.define(&target, &definition(2, "y")).unwrap());
        assert_eq!(registry.expire_gauges(at(10), at(20)), 1);
        let later = Target { now: at(20), ..target };
        assert!(!table.define(&later, &definition(2, "y")).unwrap());
        table.apply(&later, 1, 5.0).unwrap();
        assert_eq!(registry.snapshot(at(20)).metrics[0].series.len(), 2);
    }

    #[test]
    fn numbers_are_given_back_with_their_table() {
        let registry = registry(0);
        let target = Target { registry: &registry, producer: None, now: Duration::from_secs(1) };
        let quota = Quota::default();
        let mut table = SeriesTable::new(&quota);
        table.define(&target, &definition(1, "x")).unwrap();
        table.define(&target, &definition(2, "x")).unwrap();
        assert_eq!(quota.0.load(Relaxed), 2);
        drop(table);
        assert_eq!(quota.0.load(Relaxed), 0);
    }
}
