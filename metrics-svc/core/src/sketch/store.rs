//! Counts per bucket of one sign, dense between the least and the greatest key.

use std::iter::repeat_n;

/// Buckets a sign may take: 35 decimal orders of magnitude. Beyond it, those nearest to zero are folded together.
pub(super) const MAX_BUCKETS: usize = 4096;
/// Keys that no double has lie beyond this distance from 0.
const MAX_KEY: i32 = 1 << 16;
/// Buckets added at once beside those that are needed, so that a new range of values does not move the rest each time.
const SLACK: usize = 16;

/// Counter of one bucket.
pub(crate) trait Count: Copy + Default + Into<u64> {
    /// The sum, if the counter holds it.
    fn plus(self, more: u64) -> Option<Self>;
}

impl Count for u32 {
    #[inline]
    fn plus(self, more: u64) -> Option<Self> {
        self.checked_add(Self::try_from(more).ok()?)
    }
}

impl Count for u64 {
    #[inline]
    fn plus(self, more: u64) -> Option<Self> {
        // At a billion values a second it would take centuries to get there.
        Some(self.saturating_add(more))
    }
}

/// A counter does not hold the sum; nothing was added.
#[derive(Debug)]
pub(crate) struct Full;

#[derive(Clone, Debug, Default)]
pub(super) struct Store<C> {
    /// Key of the first counter.
    first: i32,
    counts: Vec<C>,
    /// Values of the first counter that belong below it. While there are any, the store spans [`MAX_BUCKETS`].
    collapsed: u64,
}

impl<C: Count> Store<C> {
    #[inline]
    pub(super) fn add(&mut self, key: i32, count: u64) -> Result<(), Full> {
        // A key below the first makes an index beyond the last.
        let index = key.wrapping_sub(self.first) as u32 as usize;
        match self.counts.get_mut(index) {
            Some(counter) => {
                *counter = counter.plus(count).ok_or(Full)?;
                Ok(())
            }
            None => self.add_outside(key, count),
        }
    }

    #[cold]
    fn add_outside(&mut self, key: i32, count: u64) -> Result<(), Full> {
        self.cover(key)?;
        let index = offset(key, self.first);
        if let Some(counter) = self.counts.get_mut(index) {
            *counter = counter.plus(count).ok_or(Full)?;
        }
        if key < self.first {
            self.collapsed = self.collapsed.saturating_add(count);
        }
        Ok(())
    }

    /// Makes room for a key, unless it is too far below the others.
    fn cover(&mut self, key: i32) -> Result<(), Full> {
        if self.span_with(key) > MAX_BUCKETS {
            self.trim();
        }
        if self.counts.is_empty() {
            self.first = key;
        }
        if key < self.first {
            self.grow_front(key);
            return Ok(());
        }
        if offset(key, self.first) >= MAX_BUCKETS {
            self.fold_below(key + 1 - MAX_BUCKETS as i32)?;
        }
        let missing = (offset(key, self.first) + 1).saturating_sub(self.counts.len());
        if self.counts.capacity() - self.counts.len() < missing {
            self.counts.reserve_exact((missing + SLACK).min(MAX_BUCKETS - self.counts.len()));
        }
        self.counts.extend(repeat_n(C::default(), missing));
        Ok(())
    }

    fn span_with(&self, key: i32) -> usize {
        let end = self.first + self.counts.len() as i32;
        offset(end.max(key + 1), self.first.min(key))
    }

    fn grow_front(&mut self, key: i32) {
        let room = MAX_BUCKETS.saturating_sub(self.counts.len());
        let front = (offset(self.first, key) + SLACK).min(room);
        if front == 0 {
            return;
        }
        let mut grown = Vec::with_capacity(front + self.counts.len());
        grown.extend(repeat_n(C::default(), front));
        grown.extend_from_slice(&self.counts);
        self.counts = grown;
        self.first -= front as i32;
    }

    /// Moves what is counted below `key` to `key`.
    fn fold_below(&mut self, key: i32) -> Result<(), Full> {
        let below = offset(key, self.first).min(self.counts.len());
        let (folded, kept) = self.counts.split_at(below);
        let folded = folded.iter().fold(0_u64, |sum, count| sum.saturating_add((*count).into()));
        let first = kept.first().copied().unwrap_or_default().plus(folded).ok_or(Full)?;
        self.counts.drain(..below);
        match self.counts.first_mut() {
            Some(counter) => *counter = first,
            None => self.counts.push(first),
        }
        self.first = key;
        // What was folded before was in the first counter.
        self.collapsed = folded;
        Ok(())
    }

    /// Drops empty counters from both ends, and the memory they took.
    pub(super) fn trim(&mut self) {
        let occupied = |count: &C| (*count).into() > 0;
        let end = self.counts.iter().rposition(occupied).map_or(0, |last| last + 1);
        self.counts.truncate(end);
        let begin = self.counts.iter().position(occupied).unwrap_or(0);
        self.counts.drain(..begin);
        self.first += begin as i32;
        self.counts.shrink_to_fit();
    }

    /// Counts nothing any more, ready for values like those before.
    pub(super) fn reset(&mut self) {
        self.trim();
        self.counts.fill(C::default());
        self.collapsed = 0;
    }

    /// Keys with their counts, away from zero.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> {
        let first = self.first;
        let keyed = self.counts.iter().enumerate();
        keyed.map(move |(index, count)| (first + index as i32, (*count).into()))
    }

    /// How many values were folded into a bucket other than their own.
    pub(super) fn collapsed(&self) -> u64 {
        self.collapsed
    }

    /// Bytes of the heap that the counters take.
    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<C>()
    }
}

impl Store<u64> {
    /// A store of counts from a key on; `None` if no store can have come to hold them.
    pub(super) fn of_counts(first: i32, counts: Vec<u64>, collapsed: u64) -> Option<Self> {
        let spans = collapsed == 0 || counts.len() == MAX_BUCKETS;
        let holds = collapsed <= counts.first().copied().unwrap_or(0);
        let bounded = counts.len() <= MAX_BUCKETS && (-MAX_KEY..MAX_KEY).contains(&first);
        (spans && holds && bounded).then_some(Self { first, counts, collapsed })
    }

    /// Adds what another store counts.
    pub(super) fn merge<C: Count>(&mut self, other: &Store<C>) {
        // From the greatest down: whatever does not fit is folded once.
        for (key, count) in other.iter().rev().filter(|(_, count)| *count > 0) {
            // Counters of 64 bits are never full.
            let _ = self.add(key, count);
        }
        // Those below our first were counted as they were added; it cannot be below the other's.
        if other.collapsed > 0 && self.first == other.first {
            self.collapsed = self.collapsed.saturating_add(other.collapsed);
        }
    }

    /// Takes away what was added before; neither may have collapsed.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (key, count) in other.iter() {
            if let Some(counter) = self.counts.get_mut(offset(key, self.first)) {
                *counter = counter.saturating_sub(count);
            }
        }
    }
}

/// Distance from one key to another; 0 if `key` is below.
fn offset(key: i32, from: i32) -> usize {
    usize::try_from(key.saturating_sub(from)).unwrap_or(0)
}
