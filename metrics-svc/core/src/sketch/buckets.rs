//! Counts per bucket of both signs.

use super::{
    mapping::Place,
    store::{Count, Full, Store},
};

/// Counts of values in buckets, without their sum and extremes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets<C = u64> {
    pub(super) positive: Store<C>,
    pub(super) negative: Store<C>,
    pub(super) zeros: u64,
}

impl<C: Count> Buckets<C> {
    /// Counts a finite value.
    ///
    /// # Errors
    /// Its counter is full; nothing is changed then. Empty buckets always have room.
    #[inline]
    pub(crate) fn observe(&mut self, value: f64) -> Result<(), Full> {
        self.add(Place::of(value), 1)
    }

    /// Counts finite values of one place.
    ///
    /// # Errors
    /// Their counter is full; nothing is changed then.
    #[inline]
    pub(crate) fn add(&mut self, place: Place, count: u64) -> Result<(), Full> {
        match place {
            Place::Positive(key) => self.positive.add(key, count),
            Place::Negative(key) => self.negative.add(key, count),
            Place::Zero => {
                self.zeros = self.zeros.saturating_add(count);
                Ok(())
            }
        }
    }

    /// Counts nothing any more, ready for values like those before.
    pub(crate) fn reset(&mut self) {
        self.positive.reset();
        self.negative.reset();
        self.zeros = 0;
    }

    /// How many values are counted.
    pub(crate) fn count(&self) -> u64 {
        self.occupied().fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// How many values were folded into a bucket other than their own.
    pub(crate) fn collapsed(&self) -> u64 {
        self.positive.collapsed().saturating_add(self.negative.collapsed())
    }

    /// Occupied places with their counts, from the least value to the greatest.
    pub(super) fn occupied(&self) -> impl Iterator<Item = (Place, u64)> {
        let negative = self.negative.iter().rev().map(|(key, count)| (Place::Negative(key), count));
        let positive = self.positive.iter().map(|(key, count)| (Place::Positive(key), count));
        let all = negative.chain([(Place::Zero, self.zeros)]).chain(positive);
        all.filter(|(_, count)| *count > 0)
    }

    /// Bytes of the heap that the counters take.
    pub(crate) fn bytes(&self) -> usize {
        self.positive.bytes() + self.negative.bytes()
    }
}

impl Buckets {
    /// Adds what others count.
    pub(crate) fn merge<C: Count>(&mut self, other: &Buckets<C>) {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
        self.zeros = self.zeros.saturating_add(other.zeros);
    }

    /// Takes away what was added before; neither may have collapsed.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.positive.subtract(&other.positive);
        self.negative.subtract(&other.negative);
        self.zeros = self.zeros.saturating_sub(other.zeros);
    }

    /// Gives back the memory of empty buckets below and above all others.
    pub(crate) fn trim(&mut self) {
        self.positive.trim();
        self.negative.trim();
    }

    /// The values of a rank, counted from 0, and of the next, as their buckets tell them.
    pub(super) fn at_rank(&self, rank: u64) -> Option<(f64, f64)> {
        let mut reached = 0_u64;
        let mut occupied = self.occupied();
        let (place, _) = occupied.find(|(_, count)| {
            reached = reached.saturating_add(*count);
            reached > rank
        })?;
        let value = place.value();
        let next = if reached > rank + 1 { None } else { occupied.next() };
        Some((value, next.map_or(value, |(place, _)| place.value())))
    }
}
