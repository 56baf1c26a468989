//! A copy of every series at one moment: all that an exporter sees.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    Exemplar, Labels, MetricDescriptor, UnixTime,
    reading::{BlockReading, PlainRun},
    sketch::Sketch,
};

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
    rows: Vec<Rows>,
}

/// A run of series.
#[derive(Clone, Debug)]
enum Rows {
    Read(BlockReading),
    Given(Vec<(Labels, SeriesValue)>),
}

/// Where the walk over a metric's series has got to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    run: usize,
    index: usize,
}

impl Cursor {
    /// Moves on by so many series of the same run.
    pub(crate) fn skip(&mut self, series: usize) {
        self.index += series;
    }
}

/// One series.
#[derive(Clone, Debug)]
pub struct SeriesSnapshot<'a> {
    /// Names and values of the labels, `instance` last where it applies.
    pub labels: &'a Labels,
    /// Since when it counts, if that is known.
    pub created: Option<UnixTime>,
    /// Latest traced events: of a counter one, of a histogram one for each bucket. Empty: none were traced.
    pub exemplars: &'a [Option<Exemplar>],
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
    /// Each declared quantile with its value; `None` without data. Summary: over its window. Histogram: empty in a
    /// snapshot for text.
    pub quantiles: Vec<(f64, Option<f64>)>,
    /// Statistics over the summary's window, or since the histogram began; `None` without data, and for a histogram
    /// in a snapshot for text.
    pub statistics: Option<Statistics>,
}

/// Plain statistics of a set of observations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
    /// Observations so much smaller than the greatest that the sketch keeps them together: quantiles that fall among
    /// them are too large.
    pub collapsed: u64,
}

impl MetricSnapshot {
    /// A metric with series made elsewhere.
    #[must_use]
    pub fn new(name: String, descriptor: MetricDescriptor, series: Vec<(Labels, SeriesValue)>) -> Self {
        Self { name, descriptor: Arc::new(descriptor), rows: vec![Rows::Given(series)] }
    }

    pub(crate) fn of_blocks(
        name: String,
        descriptor: Arc<MetricDescriptor>,
        blocks: Vec<BlockReading>,
    ) -> Self {
        Self { name, descriptor, rows: blocks.into_iter().map(Rows::Read).collect() }
    }

    pub(crate) fn of_rows(
        name: String,
        descriptor: Arc<MetricDescriptor>,
        series: Vec<(Labels, SeriesValue)>,
    ) -> Self {
        Self { name, descriptor, rows: vec![Rows::Given(series)] }
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.rows.iter().map(Rows::len).sum()
    }

    /// The series, in the order in which they were made; in that of their labels where producers are merged.
    pub fn series(&self) -> impl Iterator<Item = SeriesSnapshot<'_>> {
        let mut cursor = Cursor::default();
        std::iter::from_fn(move || self.next_series(&mut cursor))
    }

    /// Counters or gauges from the cursor to the end of their run, if they have nothing but a value; the cursor stays.
    pub(crate) fn plain_run(&self, cursor: Cursor) -> Option<PlainRun<'_>> {
        self.rows.get(cursor.run)?.plain(cursor.index).filter(|run| !run.values.is_empty())
    }

    /// The series at the cursor, which moves on to the next.
    pub(crate) fn next_series(&self, cursor: &mut Cursor) -> Option<SeriesSnapshot<'_>> {
        loop {
            let run = self.rows.get(cursor.run)?;
            if let Some(series) = run.get(cursor.index, &self.descriptor) {
                cursor.index += 1;
                return Some(series);
            }
            *cursor = Cursor { run: cursor.run + 1, index: 0 };
        }
    }
}

impl Rows {
    /// Those from an index on, if a value is all there is to tell.
    fn plain(&self, from: usize) -> Option<PlainRun<'_>> {
        match self {
            Self::Read(block) => block.plain(from),
            Self::Given(_) => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Read(block) => block.len(),
            Self::Given(series) => series.len(),
        }
    }

    fn get(&self, index: usize, descriptor: &MetricDescriptor) -> Option<SeriesSnapshot<'_>> {
        match self {
            Self::Read(block) => block.get(index, descriptor),
            Self::Given(series) => {
                let (labels, value) = series.get(index)?;
                Some(SeriesSnapshot { labels, created: None, exemplars: &[], value: value.clone() })
            }
        }
    }
}

impl Distribution {
    /// State of a histogram: `counts` are those of each bucket alone, the last without a bound.
    pub(crate) fn of_buckets(
        descriptor: &MetricDescriptor,
        counts: &[u64],
        sum: f64,
        sketch: Option<&Sketch>,
    ) -> Self {
        let mut count = 0;
        let bounds = descriptor.buckets.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.zip(counts).map(|(bound, in_bucket)| {
            count += in_bucket;
            (bound, count)
        });
        let buckets = buckets.collect();
        Self {
            count,
            sum,
            buckets,
            quantiles: sketch.map_or_else(Vec::new, |sketch| quantiles(descriptor, sketch)),
            statistics: sketch.and_then(Statistics::of),
        }
    }

    /// State of a summary: `count` and `sum` of all, and what is in its window.
    pub(crate) fn of_window(descriptor: &MetricDescriptor, count: u64, sum: f64, window: &Sketch) -> Self {
        let (quantiles, statistics) = (quantiles(descriptor, window), Statistics::of(window));
        Self { count, sum, buckets: Vec::new(), quantiles, statistics }
    }
}

fn quantiles(descriptor: &MetricDescriptor, sketch: &Sketch) -> Vec<(f64, Option<f64>)> {
    descriptor.quantiles.iter().map(|&quantile| (quantile, sketch.quantile(quantile))).collect()
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
            collapsed: sketch.collapsed(),
        })
    }
}
