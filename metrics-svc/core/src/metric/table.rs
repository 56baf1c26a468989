//! The series of one metric, found by their label values.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::block::Block;
use crate::{MetricKind, Series, UnixTime};

/// Series that stand together: a reader takes hold of whole blocks, and only the last one ever grows.
const BLOCK: usize = 1024;

/// What tells the series of one metric apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    pub(super) values: &'a [&'a str],
    pub(super) producer: Option<&'a str>,
}

/// All series of one metric.
#[derive(Debug, Default)]
pub(super) struct Table {
    hasher: DefaultHashBuilder,
    live: HashTable<Series>,
    /// In the order in which they were made.
    blocks: Vec<Arc<Block>>,
    /// Expired ones that go on from where they were when they return.
    retired: HashTable<Series>,
}

impl Table {
    /// The hash that a series of this key is stored under.
    pub(super) fn hash(&self, key: &Key<'_>) -> u64 {
        let mut state = self.hasher.build_hasher();
        key.values.iter().for_each(|value| value.hash(&mut state));
        key.producer.hash(&mut state);
        state.finish()
    }

    pub(super) fn get(&self, hash: u64, key: &Key<'_>) -> Option<&Series> {
        self.live.find(hash, |series| series.labels().have(key.values, key.producer))
    }

    pub(super) fn insert(&mut self, series: Series) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => Arc::make_mut(block).push(series.clone()),
            _ => self.blocks.push(Arc::new(Block::from_iter([series.clone()]))),
        }
        self.live.insert_unique(series.hash(), series, Series::hash);
    }

    /// Takes back a series that was retired.
    pub(super) fn take_retired(&mut self, hash: u64, key: &Key<'_>) -> Option<Series> {
        let matches = |series: &Series| series.labels().have(key.values, key.producer);
        let found = self.retired.find_entry(hash, matches).ok()?;
        Some(found.remove().0)
    }

    pub(super) fn retire(&mut self, series: Series) {
        self.retired.insert_unique(series.hash(), series, Series::hash);
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn blocks(&self) -> &[Arc<Block>] {
        &self.blocks
    }

    /// Live and retired series, the latter marked.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Series, bool)> {
        let live = self.live_in_order().map(|series| (series, false));
        live.chain(self.retired.iter().map(|series| (series, true)))
    }

    pub(super) fn any_idle(&self, deadline: UnixTime) -> bool {
        self.live_in_order().any(|series| series.is_idle(deadline))
    }

    fn live_in_order(&self) -> impl Iterator<Item = &Series> {
        self.blocks.iter().flat_map(|block| block.series())
    }

    /// Takes out the series that are idle and that `may_go` lets go.
    pub(super) fn expire(&mut self, deadline: UnixTime, may_go: impl Fn(&Series) -> bool) -> Vec<Series> {
        let mut expired = Vec::new();
        for block in &mut self.blocks {
            if block.series().iter().any(|series| series.is_idle(deadline)) {
                let goes =
                    |series: &Series| series.is_idle(deadline) && may_go(series) && series.expire(deadline);
                expired.extend(Arc::make_mut(block).take_out(goes));
            }
        }
        for series in &expired {
            let same = |other: &Series| other.labels() == series.labels();
            if let Ok(found) = self.live.find_entry(series.hash(), same) {
                found.remove();
            }
        }
        self.close_gaps();
        expired
    }

    /// Joins what is left of blocks, once most of their room is empty.
    fn close_gaps(&mut self) {
        self.blocks.retain(|block| block.len() > 0);
        if self.blocks.len() > 2 * self.live.len().div_ceil(BLOCK) {
            let all: Vec<Series> = self.live_in_order().cloned().collect();
            let blocks = all.chunks(BLOCK).map(|block| Arc::new(block.iter().cloned().collect()));
            self.blocks = blocks.collect();
        }
        if self.live.capacity() > 4 * self.live.len() {
            self.live.shrink_to_fit(Series::hash);
        }
    }
}

/// Whether an expired series of this kind is kept aside: a total that began anew would look like a restart.
pub(super) fn retires(kind: MetricKind) -> bool {
    kind != MetricKind::Gauge
}
