//! How many series there may be: in all, of one metric, of one producer.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A number of series that may not be exceeded.
#[derive(Debug)]
pub struct SeriesBudget {
    owner: Box<str>,
    max: usize,
    used: AtomicUsize,
}

impl SeriesBudget {
    /// A budget of `max` series; 0: without limit.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self::of("", max)
    }

    /// The budget of somebody who has a name.
    #[must_use]
    pub fn of(owner: &str, max: usize) -> Self {
        let max = if max == 0 { usize::MAX } else { max };
        Self { owner: owner.into(), max, used: AtomicUsize::new(0) }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// How many series it has paid for.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Whether there is no room.
    pub(crate) fn is_full(&self) -> bool {
        self.used() >= self.max
    }

    /// Pays for one series, if there is room.
    pub(crate) fn take(&self) -> bool {
        let take = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// Pays for one series even past the limit.
    pub(crate) fn take_anyway(&self) {
        self.used.fetch_add(1, Relaxed);
    }

    /// Takes one series back.
    pub(crate) fn give_back(&self) {
        self.used.fetch_sub(1, Relaxed);
    }
}

/// Pays for one series out of every budget, or out of none.
pub(crate) fn take_all<'a>(budgets: impl Iterator<Item = &'a SeriesBudget> + Clone) -> bool {
    let mut paid = 0;
    let all = budgets.clone().all(|budget| {
        let took = budget.take();
        paid += usize::from(took);
        took
    });
    if !all {
        budgets.take(paid).for_each(SeriesBudget::give_back);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_paid_for_by_all_or_by_none() {
        let (large, small) = (SeriesBudget::new(3), SeriesBudget::new(1));
        let both = || [&large, &small].into_iter();
        assert!(take_all(both()));
        assert!(!take_all(both()));
        assert_eq!((large.used(), small.used()), (1, 1));
        small.give_back();
        assert!(take_all(both()));
    }
}
