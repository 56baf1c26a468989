//! A registered metric: its definition and its series.

mod block;
mod kept;
mod merge;
mod table;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::RwLock;

use self::table::{Key, Table, retires};
pub(crate) use self::{block::Block, merge::MetricReading};
use crate::{
    LabelError, Labels, MetricDescriptor, Series, SeriesBudget, UnixTime,
    budget::take_all,
    label::{INSTANCE, OVERFLOW, check_values, in_order},
    reading::{BlockReading, Detail},
    series::NewSeries,
};

/// What the metrics of one registry share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Live series.
    pub(crate) series: SeriesBudget,
    /// Expired series that are kept aside.
    pub(crate) retired: SeriesBudget,
    /// Most series of one metric; 0: as many as of all.
    pub(crate) max_per_metric: usize,
    /// The latest time that anybody has told, in milliseconds: a series made later did not exist then.
    pub(crate) heard: AtomicU64,
}

/// For whom a series is looked up or made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// Tells series apart where the metric is kept per producer.
    pub producer: Option<&'a str>,
    /// Pays for new series, beside the registry's own budget.
    pub budget: Option<&'a Arc<SeriesBudget>>,
    /// When a new series begins; `None`: some time after the last snapshot.
    pub now: Option<UnixTime>,
}

impl<'a> From<Option<&'a str>> for Origin<'a> {
    fn from(producer: Option<&'a str>) -> Self {
        Self { producer, ..Self::default() }
    }
}

#[derive(Debug)]
struct Inner {
    full_name: String,
    descriptor: Arc<MetricDescriptor>,
    /// Without what this registry has added.
    declared: Arc<MetricDescriptor>,
    shared: Arc<Shared>,
    budget: SeriesBudget,
    series: RwLock<Table>,
    /// Samples that went to the overflow series.
    overflowed: AtomicU64,
}

/// A registered metric; a cheap handle.
#[derive(Clone, Debug)]
pub struct Metric(Arc<Inner>);

impl Metric {
    pub(crate) fn new(
        full_name: String,
        declared: MetricDescriptor,
        descriptor: MetricDescriptor,
        shared: Arc<Shared>,
    ) -> Self {
        Self(Arc::new(Inner {
            full_name,
            descriptor: Arc::new(descriptor),
            declared: Arc::new(declared),
            budget: SeriesBudget::new(shared.max_per_metric),
            shared,
            series: RwLock::default(),
            overflowed: AtomicU64::new(0),
        }))
    }

    /// The definition, its defaults filled in.
    #[must_use]
    pub fn descriptor(&self) -> &MetricDescriptor {
        &self.0.descriptor
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.0.series.read().len()
    }

    /// Samples that went to the series with every label `__overflow__`, as [`Metric::count_overflow`] was told.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.0.overflowed.load(Relaxed)
    }

    /// Counts samples that went to the overflow series.
    pub fn count_overflow(&self, samples: u64) {
        self.0.overflowed.fetch_add(samples, Relaxed);
    }

    /// The series with these label values, in the order of the label names; made if it is new.
    ///
    /// Past a budget the series is the one whose [`Series::is_overflow`] holds. A series that has expired goes on from
    /// what it had counted, gauges aside.
    ///
    /// # Errors
    /// A wrong number of values, or one that is too long.
    pub fn series<'a>(
        &self,
        label_values: &[&str],
        origin: impl Into<Origin<'a>>,
    ) -> Result<Series, LabelError> {
        let origin: Origin<'_> = origin.into();
        let key = Key { values: label_values, producer: self.producer(origin) };
        let hash = {
            let table = self.0.series.read();
            let hash = table.hash(&key);
            if let Some(series) = table.get(hash, &key) {
                return Ok(series.clone());
            }
            hash
        };
        check_values(&self.0.descriptor.label_names, label_values)?;
        Ok(self.insert(hash, &key, origin))
    }

    /// The series with these label values, if there is one.
    #[must_use]
    pub fn find<'a>(&self, label_values: &[&str], origin: impl Into<Origin<'a>>) -> Option<Series> {
        let key = Key { values: label_values, producer: self.producer(origin.into()) };
        let table = self.0.series.read();
        table.get(table.hash(&key), &key).cloned()
    }

    /// Like [`Metric::series`], with label values by name, in any order.
    ///
    /// # Errors
    /// A label is missing, unknown, or its value too long.
    pub fn series_by_names<'a, 'o>(
        &self,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        origin: impl Into<Origin<'o>>,
    ) -> Result<Series, LabelError> {
        let values = in_order(&self.0.descriptor.label_names, labels)?;
        self.series(&values, origin)
    }

    fn producer<'a>(&self, origin: Origin<'a>) -> Option<&'a str> {
        origin.producer.filter(|_| self.0.descriptor.splits_producers())
    }

    fn insert(&self, hash: u64, key: &Key<'_>, origin: Origin<'_>) -> Series {
        let overflow = vec![OVERFLOW; key.values.len()];
        let overflow = overflow_key(&overflow);
        if self.is_full(origin) {
            // Whoever floods keeps nobody waiting.
            let table = self.0.series.read();
            let series = table.get(hash, key).or_else(|| table.get(table.hash(&overflow), &overflow));
            if let Some(series) = series {
                return series.clone();
            }
        }
        let mut table = self.0.series.write();
        if let Some(series) = table.get(hash, key) {
            return series.clone();
        }
        if *key != overflow
            && let Some(payer) = self.pay(key, origin)
        {
            return self.revive_or_make(&mut table, hash, key, payer, origin);
        }
        let hash = table.hash(&overflow);
        match table.get(hash, &overflow) {
            Some(series) => series.clone(),
            None => self.make(&mut table, hash, &overflow, None, origin),
        }
    }

    fn is_full(&self, origin: Origin<'_>) -> bool {
        let budgets = [&self.0.shared.series, &self.0.budget];
        let payer = origin.budget.map(|budget| &**budget);
        budgets.into_iter().chain(payer).any(SeriesBudget::is_full)
    }

    /// Pays for a series out of every budget, or of none. The inner option is the producer's share.
    fn pay(&self, key: &Key<'_>, origin: Origin<'_>) -> Option<Option<Arc<SeriesBudget>>> {
        let shared = &self.0.shared;
        if key.values.is_empty() && !self.0.descriptor.splits_producers() {
            // The metric's only series needs no limit but that on metrics.
            shared.series.take_anyway();
            self.0.budget.take_anyway();
            return Some(None);
        }
        let payer = origin.budget;
        let budgets = [Some(&shared.series), Some(&self.0.budget), payer.map(|budget| &**budget)];
        take_all(budgets.into_iter().flatten()).then(|| payer.cloned())
    }

    fn revive_or_make(
        &self,
        table: &mut Table,
        hash: u64,
        key: &Key<'_>,
        payer: Option<Arc<SeriesBudget>>,
        origin: Origin<'_>,
    ) -> Series {
        let Some(series) = table.take_retired(hash, key) else {
            return self.make(table, hash, key, payer, origin);
        };
        self.0.shared.retired.give_back();
        // Whoever made it first pays again.
        payer.as_deref().into_iter().for_each(SeriesBudget::give_back);
        series.payer().into_iter().for_each(SeriesBudget::take_anyway);
        series.revive();
        table.insert(series.clone());
        series
    }

    fn make(
        &self,
        table: &mut Table,
        hash: u64,
        key: &Key<'_>,
        payer: Option<Arc<SeriesBudget>>,
        origin: Origin<'_>,
    ) -> Series {
        let heard = Duration::from_millis(self.0.shared.heard.load(Relaxed));
        let created = origin.now.or(Some(heard).filter(|heard| !heard.is_zero()));
        let series = self.new_series(hash, key, created, payer);
        table.insert(series.clone());
        series
    }

    fn new_series(
        &self,
        hash: u64,
        key: &Key<'_>,
        created: Option<UnixTime>,
        payer: Option<Arc<SeriesBudget>>,
    ) -> Series {
        let names = self.0.descriptor.label_names.iter().map(String::as_str).chain([INSTANCE]);
        let labels = Labels::new(names.zip(key.values.iter().copied().chain(key.producer)));
        let overflow = *key == overflow_key(&vec![OVERFLOW; key.values.len()]);
        Series::new(NewSeries { hash, labels, overflow, created, payer }, &self.0.descriptor)
    }

    /// Drops the series that are idle since `deadline` and that `may_go` lets go; all but gauges are kept aside.
    pub(crate) fn expire(&self, deadline: UnixTime, may_go: impl Fn(&Series) -> bool) -> usize {
        if !self.0.series.read().any_idle(deadline) {
            return 0;
        }
        let mut table = self.0.series.write();
        let retires = retires(self.0.descriptor.kind);
        // The overflow series is outside the budget, so it stays. So does a total that there is no room to keep: begun
        // anew it would look like a restart.
        let expired = table.expire(deadline, |series| {
            !series.is_overflow() && may_go(series) && (!retires || self.0.shared.retired.take())
        });
        let count = expired.len();
        for series in expired {
            self.0.shared.series.give_back();
            self.0.budget.give_back();
            series.payer().into_iter().for_each(SeriesBudget::give_back);
            if retires {
                table.retire(series);
            }
        }
        count
    }

    /// Series that are idle since `deadline`; the overflow series is never told, since it stays.
    pub(crate) fn expired(&self, deadline: UnixTime) -> Vec<Series> {
        let table = self.0.series.read();
        let series = table.blocks().iter().flat_map(|block| block.series());
        series.filter(|series| series.is_idle(deadline) && !series.is_overflow()).cloned().collect()
    }

    /// Copies the state of every series.
    pub(crate) fn read(&self, detail: Detail, now: UnixTime) -> MetricReading {
        let kind = self.0.descriptor.kind;
        let table = self.0.series.read();
        let blocks = table.blocks().iter().map(|block| BlockReading::new(block, kind, detail, now));
        MetricReading { metric: self.clone(), blocks: blocks.collect() }
    }
}

/// Key of the series that takes what exceeds a budget.
fn overflow_key<'a>(values: &'a [&'a str]) -> Key<'a> {
    // Without labels only the producer tells series apart.
    Key { values, producer: Some(OVERFLOW).filter(|_| values.is_empty()) }
}
