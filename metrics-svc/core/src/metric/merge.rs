//! A metric's series as they are shown: as they are, or those of several producers as one.

use std::{collections::BTreeMap, sync::Arc};

use super::Metric;
use crate::{Labels, Merge, MetricKind, MetricSnapshot, SeriesValue, reading::BlockReading, sketch::finite};

/// The state of every series of a metric at one moment.
pub(crate) struct MetricReading {
    pub(super) metric: Metric,
    pub(super) blocks: Vec<BlockReading>,
}

impl MetricReading {
    /// What an exporter sees of it.
    pub(crate) fn snapshot(self) -> MetricSnapshot {
        let inner = &*self.metric.0;
        let (name, descriptor) = (inner.full_name.clone(), Arc::clone(&inner.descriptor));
        match descriptor.merge {
            Merge::Sum if descriptor.kind == MetricKind::Gauge => {
                let rows = self.merged(|a, b| finite(a + b));
                MetricSnapshot::of_rows(name, descriptor, rows)
            }
            Merge::Max => MetricSnapshot::of_rows(name, descriptor, self.merged(f64::max)),
            _ => MetricSnapshot::of_blocks(name, descriptor, self.blocks),
        }
    }

    /// The producers' gauges combined into one series for each set of label values.
    fn merged(&self, combine: fn(f64, f64) -> f64) -> Vec<(Labels, SeriesValue)> {
        let own = self.metric.0.descriptor.label_names.len();
        let mut merged = BTreeMap::new();
        for (series, value) in self.blocks.iter().flat_map(BlockReading::gauges) {
            merged
                .entry(series.labels().truncated(own))
                .and_modify(|so_far| *so_far = combine(*so_far, value))
                .or_insert(value);
        }
        merged.into_iter().map(|(labels, value)| (labels, SeriesValue::Gauge(value))).collect()
    }
}
