//! Batches in the order in which they were gathered, whichever thread was done first.

use std::collections::BTreeMap;

use super::infer::Inferred;

/// Holds back batches that were overtaken: no more than there are inference threads.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    next: u64,
    waiting: BTreeMap<u64, Inferred>,
}

impl InOrder {
    /// Takes a batch; gives out those whose turn it is.
    pub(super) fn put(&mut self, inferred: Inferred) -> impl Iterator<Item = Inferred> + '_ {
        self.waiting.insert(inferred.number, inferred);
        std::iter::from_fn(|| {
            let next = self.waiting.remove(&self.next)?;
            self.next += 1;
            Some(next)
        })
    }
}
