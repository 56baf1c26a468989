//! A copy of every series at one moment: all that an exporter sees.

use std::sync::Arc;

use crate::{MetricDescriptor, UnixTime, sketch::Sketch};

/// State of a registry at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub time: UnixTime,
    /// Metrics in order of their names.
    pub metrics: Vec<MetricSnapshot>,
}

/// One metric with its series.
#[derive(Clone, Debug)]
pub struct MetricSnapshot {
    /// Name with the namespace.
    pub name: String,
    /// Definition; its name is without the namespace.
    pub descriptor: Arc<MetricDescriptor>,
    /// Series in order of their label values.
    pub series: Vec<SeriesSnapshot>,
}

/// One series.
#[derive(Clone, Debug)]
pub struct SeriesSnapshot {
    /// Names and values of the labels, `instance` last where it applies.
    pub labels: Vec<(String, String)>,
    /// Current state.
    pub value: SeriesValue,
}

/// State of a series, by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum SeriesValue {
    /// The total.
    Counter(f64),
    /// The value.
    Gauge(f64),
    /// State of a histogram.
    Histogram(Distribution),
    /// State of a summary.
    Summary(Distribution),
}

/// State of a histogram or summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Observations since the series began.
    pub count: u64,
    /// Sum of all observations since the series began.
    pub sum: f64,
    /// Histogram: upper bound and cumulative count, the last bound infinite and its count equal to `count`.
    pub buckets: Vec<(f64, u64)>,
    /// Each declared quantile with its value; `None` without data. Summary: over its window.
    pub quantiles: Vec<(f64, Option<f64>)>,
    /// Statistics over the summary's window, or since the histogram began; `None` without data.
    pub statistics: Option<Statistics>,
}

impl Distribution {
    /// State of a histogram: `counts` are those of each bucket alone, the last without a bound.
    pub(crate) fn of_buckets(descriptor: &MetricDescriptor, counts: &[u64], sketch: &Sketch) -> Self {
        let mut count = 0;
        let bounds = descriptor.buckets.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.zip(counts).map(|(bound, in_bucket)| {
            count += in_bucket;
            (bound, count)
        });
        let buckets = buckets.collect();
        Self { buckets, ..Self::of_window(descriptor, count, sketch.sum(), sketch) }
    }

    /// State of a summary: `count` and `sum` of all, and what is in its window.
    pub(crate) fn of_window(descriptor: &MetricDescriptor, count: u64, sum: f64, window: &Sketch) -> Self {
        let quantiles = descriptor.quantiles.iter().map(|&q| (q, window.quantile(q)));
        Self {
            count,
            sum,
            buckets: Vec::new(),
            quantiles: quantiles.collect(),
            statistics: Statistics::of(window),
        }
    }
}

/// Plain statistics of a set of observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Their mean.
    pub avg: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Median, within 1 %.
    pub p50: f64,
    /// 90th percentile, within 1 %.
    pub p90: f64,
    /// 99th percentile, within 1 %.
    pub p99: f64,
}

impl Statistics {
    /// Statistics of what a sketch has seen; `None` without data.
    #[must_use]
    pub fn of(sketch: &Sketch) -> Option<Self> {
        Some(Self {
            count: sketch.count(),
            sum: sketch.sum(),
            avg: sketch.sum() / sketch.count() as f64,
            min: sketch.min()?,
            max: sketch.max()?,
            p50: sketch.quantile(0.5)?,
            p90: sketch.quantile(0.9)?,
            p99: sketch.quantile(0.99)?,
        })
    }
}
