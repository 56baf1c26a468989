//! A sketch that many threads write to at once.

use std::sync::{
    OnceLock,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use parking_lot::Mutex;

use super::{Buckets, Sketch, Totals, finite, mapping::Place, store::MAX_BUCKETS};

/// Buckets of a page.
const PAGE: usize = 128;
/// Pages of a sign.
const PAGES: usize = MAX_BUCKETS / PAGE;

/// Counters of neighbouring buckets.
#[derive(Debug)]
struct Page {
    /// Key of the first bucket, in pages.
    number: i32,
    counts: [AtomicU64; PAGE],
}

/// The buckets of one sign, of which a page is made when a value first falls into it, and stays.
///
/// A page has one place where it can be, that of its number modulo [`PAGES`]: within [`MAX_BUCKETS`] no page is in the
/// way of another.
#[derive(Debug, Default)]
struct Pages([OnceLock<Box<Page>>; PAGES]);

impl Pages {
    /// The counter of a key; `None` if another page is where its page would be.
    #[inline]
    fn counter(&self, key: i32) -> Option<&AtomicU64> {
        let number = key.div_euclid(PAGE as i32);
        let place = &self.0[number as usize % PAGES];
        let page = match place.get() {
            Some(page) => page,
            None => Page::add_to(place, number),
        };
        (page.number == number).then(|| &page.counts[key as usize % PAGE])
    }

    /// Occupied keys with their counts, away from zero.
    fn read(&self) -> impl Iterator<Item = (i32, u64)> {
        let mut pages: Vec<_> = self.0.iter().filter_map(OnceLock::get).collect();
        pages.sort_unstable_by_key(|page| page.number);
        let keyed = pages.into_iter().flat_map(|page| (page.number * PAGE as i32..).zip(&page.counts));
        keyed.map(|(key, count)| (key, count.load(Acquire))).filter(|(_, count)| *count > 0)
    }
}

impl Page {
    #[cold]
    fn add_to(place: &OnceLock<Box<Self>>, number: i32) -> &Self {
        place.get_or_init(|| Box::new(Self { number, counts: [const { AtomicU64::new(0) }; PAGE] }))
    }
}

/// A sketch that is written to without a lock, and takes a page of memory for about a decade of values.
///
/// Two kinds of values are counted apart from the pages, under a lock: those 35 decimal orders of magnitude from
/// others, whose page has no place, and bursts, for which one lock costs less than many atomic operations. A copy that
/// is read collapses what is too near to zero.
#[derive(Debug)]
pub(crate) struct AtomicSketch {
    positive: Pages,
    negative: OnceLock<Box<Pages>>,
    zeros: AtomicU64,
    /// Bits of an `f64`, like the two below.
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    apart: Mutex<Buckets>,
}

impl Default for AtomicSketch {
    fn default() -> Self {
        let Totals { sum, min, max } = Totals::default();
        Self {
            positive: Pages::default(),
            negative: OnceLock::new(),
            zeros: AtomicU64::new(0),
            sum: AtomicU64::new(sum.to_bits()),
            min: AtomicU64::new(min.to_bits()),
            max: AtomicU64::new(max.to_bits()),
            apart: Mutex::default(),
        }
    }
}

impl AtomicSketch {
    /// Adds a finite value.
    #[inline]
    pub(crate) fn observe(&self, value: f64) {
        let place = Place::of(value);
        let counter = self.counter(place);
        self.add_totals(&Totals { sum: value, min: value, max: value });
        self.add(counter, place, 1);
    }

    /// Adds finite values, with few atomic operations unless another thread adds some at the same time: neither waits,
    /// and they write to different memory.
    pub(crate) fn observe_all(&self, values: impl Iterator<Item = f64> + Clone) {
        let mut totals = Totals::default();
        values.clone().for_each(|value| totals.observe(value));
        self.add_totals(&totals);
        let places = values.map(Place::of);
        match self.apart.try_lock() {
            Some(mut apart) => places.for_each(|place| add_to(&mut apart, place, 1)),
            None => places.for_each(|place| self.add(self.counter(place), place, 1)),
        }
    }

    /// Adds everything that a sketch has seen.
    pub(crate) fn merge(&self, sketch: &Sketch) {
        self.add_totals(&sketch.totals);
        if sketch.collapsed() > 0 {
            self.apart.lock().merge(&sketch.buckets);
        } else {
            let counts = sketch.buckets.occupied();
            counts.for_each(|(place, count)| self.add(self.counter(place), place, count));
        }
    }

    /// Sum of the values.
    pub(crate) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }

    /// A copy: of every value whose observation has returned, perhaps of others.
    pub(crate) fn read(&self) -> Sketch {
        let mut buckets = self.apart.lock().clone();
        let negative = self.negative.get().into_iter().flat_map(|pages| pages.read());
        let positive = self.positive.read().map(|(key, count)| (Place::Positive(key), count));
        let zeros = (Place::Zero, self.zeros.load(Acquire));
        for (place, count) in
            negative.map(|(key, count)| (Place::Negative(key), count)).chain(positive).chain([zeros])
        {
            add_to(&mut buckets, place, count);
        }
        // Read after the buckets and written before them: no value that is counted lies outside.
        let sketch = Sketch::new(buckets, self.totals());
        if sketch.count() == 0 { Sketch::default() } else { sketch }
    }

    #[inline]
    fn counter(&self, place: Place) -> Option<&AtomicU64> {
        match place {
            Place::Positive(key) => self.positive.counter(key),
            Place::Negative(key) => self.negative.get_or_init(Box::default).counter(key),
            Place::Zero => Some(&self.zeros),
        }
    }

    #[inline]
    fn add(&self, counter: Option<&AtomicU64>, place: Place, count: u64) {
        match counter {
            Some(counter) => {
                counter.fetch_add(count, Release);
            }
            None => self.add_apart(place, count),
        }
    }

    #[cold]
    fn add_apart(&self, place: Place, count: u64) {
        add_to(&mut self.apart.lock(), place, count);
    }

    #[inline]
    fn add_totals(&self, totals: &Totals) {
        update(&self.min, |min| (totals.min < min).then_some(totals.min));
        update(&self.max, |max| (totals.max > max).then_some(totals.max));
        update(&self.sum, |sum| Some(finite(sum + totals.sum)));
    }

    fn totals(&self) -> Totals {
        let load = |bits: &AtomicU64| f64::from_bits(bits.load(Relaxed));
        Totals { sum: load(&self.sum), min: load(&self.min), max: load(&self.max) }
    }
}

#[inline]
fn add_to(buckets: &mut Buckets, place: Place, count: u64) {
    // Counters of 64 bits are never full.
    let _ = buckets.add(place, count);
}

/// Replaces an `f64` kept as its bits, if there is something to replace it with.
#[inline]
fn update(bits: &AtomicU64, next: impl Fn(f64) -> Option<f64>) {
    // Declining to replace it is no failure.
    let _ = bits.fetch_update(Relaxed, Relaxed, |old| next(f64::from_bits(old)).map(f64::to_bits));
}

#[cfg(test)]
#[path = "atomic_tests.rs"]
mod tests;
