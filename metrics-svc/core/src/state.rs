//! The registry's state, for keeping it beyond the process: taken at one moment, written out at leisure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{CounterState, HistogramState, MetricDescriptor, Series, SummaryState, UnixTime};

/// State of one series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeriesState {
    /// Label values in the order of the metric's label names.
    pub label_values: Vec<String>,
    /// Whose it is, where the metric keeps producers apart.
    pub producer: Option<String>,
    /// Who paid for it, if not everybody.
    pub payer: Option<String>,
    /// Since when it counts, if that is known.
    pub created: Option<UnixTime>,
    /// When it was last written to through the registry.
    pub updated: Option<UnixTime>,
    /// Whether it has expired and is kept aside until it returns.
    pub retired: bool,
    /// What it has counted.
    pub value: ValueState,
}

/// What a series has counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ValueState {
    /// The total.
    Counter(CounterState),
    /// The value.
    Gauge(f64),
    /// Buckets and sketch.
    Histogram(HistogramState),
    /// Window and totals.
    Summary(SummaryState),
}

/// One metric at the moment of its capture.
#[derive(Debug)]
pub struct CapturedMetric {
    declared: Arc<MetricDescriptor>,
    /// With what the registry has added.
    descriptor: Arc<MetricDescriptor>,
    series: Vec<CapturedSeries>,
}

/// What of a series changes; the rest is read from it later.
#[derive(Debug)]
pub(crate) struct CapturedSeries {
    pub(crate) series: Series,
    pub(crate) retired: bool,
    pub(crate) updated: Option<UnixTime>,
    pub(crate) value: ValueState,
}

impl CapturedMetric {
    pub(crate) fn new(
        declared: Arc<MetricDescriptor>,
        descriptor: Arc<MetricDescriptor>,
        series: Vec<CapturedSeries>,
    ) -> Self {
        Self { declared, descriptor, series }
    }

    /// Bounds of the buckets that its series count in.
    #[must_use]
    pub fn buckets(&self) -> &[f64] {
        &self.descriptor.buckets
    }

    /// The definition, as it was declared.
    #[must_use]
    pub fn declared(&self) -> &MetricDescriptor {
        &self.declared
    }

    /// The states of its series.
    pub fn into_series(self) -> impl Iterator<Item = SeriesState> {
        let labels = self.declared.label_names.len();
        self.series.into_iter().map(move |captured| captured.into_state(labels))
    }
}

impl CapturedSeries {
    fn into_state(self, labels: usize) -> SeriesState {
        let mut values = self.series.label_values().map(std::borrow::Cow::into_owned);
        let label_values = values.by_ref().take(labels).collect();
        let producer = values.next();
        drop(values);
        SeriesState {
            label_values,
            producer,
            payer: self.series.payer().map(|payer| payer.owner().to_owned()),
            created: self.series.created(),
            updated: self.updated,
            retired: self.retired,
            value: self.value,
        }
    }
}
