//! A sliding window of observations: its steps, and a running total from which a step is subtracted when it leaves.

mod part;
mod state;

use std::{ops::Range, time::Duration};

use serde::{Deserialize, Serialize};

use self::part::Part;
use crate::{
    UnixTime,
    sketch::{Buckets, Packed, Sketch, Totals},
};

/// Parts of a window: it slides in steps of a tenth.
const SLOTS: u64 = 10;

/// Observations of the last `max_age`, in steps of a tenth of it: covers between 90 % and 100 %.
///
/// Serialised it keeps every step. What is deserialised is checked, and can be used like any other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "state::State", into = "state::State")]
pub struct SlidingWindow {
    /// Nanoseconds of a step, at least 1.
    step: u64,
    /// Number of the newest step written to, counted from the Unix epoch.
    newest_step: u64,
    /// Nanoseconds since the Unix epoch at which an observation goes into the newest step.
    accepted: Range<u64>,
    /// What was observed in the newest step. Its counters are small; when one is full the step goes on in another part.
    newest: Buckets<u32>,
    newest_totals: Totals,
    /// Steps within the window before the newest, and what of the newest is closed; those without data are left out.
    closed: Vec<Part>,
    /// The buckets of all closed parts.
    total: Buckets,
}

impl SlidingWindow {
    /// An empty window that reaches back by `max_age`, which is at least 10 ns.
    #[must_use]
    pub fn new(max_age: Duration) -> Self {
        Self::of_parts((nanoseconds(max_age) / SLOTS).max(1), 0, Vec::new())
    }

    fn of_parts(step: u64, newest_step: u64, closed: Vec<Part>) -> Self {
        let mut window = Self {
            step,
            newest_step,
            accepted: 0..0,
            newest: Buckets::default(),
            newest_totals: Totals::default(),
            total: part::sum(&closed),
            closed,
        };
        window.go_to(newest_step);
        window
    }

    /// Adds a value observed at `now`; ignored when not finite. A clock that steps back a little writes into the newest
    /// step.
    #[inline]
    pub fn observe(&mut self, value: f64, now: UnixTime) {
        if !value.is_finite() {
            return;
        }
        let now = nanoseconds(now);
        if !self.accepted.contains(&now) {
            self.advance(now / self.step);
        }
        if self.newest.observe(value).is_err() {
            self.close();
            // Empty buckets have room.
            let _ = self.newest.observe(value);
        }
        self.newest_totals.observe(value);
    }

    /// Everything within the window at `now`.
    #[must_use]
    pub fn read(&self, now: UnixTime) -> Sketch {
        let current = (nanoseconds(now) / self.step).max(self.newest_step);
        if current - self.newest_step >= SLOTS {
            return Sketch::default();
        }
        let aged = self.aged(current);
        let mut buckets = self.total.clone();
        take_away(&mut buckets, &self.closed, aged);
        buckets.merge(&self.newest);
        let mut totals = self.newest_totals;
        self.closed[aged..].iter().for_each(|part| totals.merge(&part.totals));
        Sketch::new(buckets, totals)
    }

    /// Adds what another window has seen, whose steps are as long.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.close();
        other.close();
        for part in other.closed {
            match self.closed.binary_search_by_key(&part.step, |own| own.step) {
                Ok(at) => self.closed[at].merge(&part),
                Err(at) => self.closed.insert(at, part),
            }
        }
        let newest = self.newest_step.max(other.newest_step);
        self.closed.drain(..self.aged(newest));
        self.closed.shrink_to(SLOTS as usize);
        self.total = part::sum(&self.closed);
        self.go_to(newest);
    }

    /// How long a step is.
    pub(crate) fn step(&self) -> Duration {
        Duration::from_nanos(self.step)
    }

    /// Bytes of memory that the window takes, with the room its vectors keep in reserve.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let packed: usize = self.closed.iter().map(|part| part.buckets.bytes()).sum();
        let closed = self.closed.capacity() * size_of::<Part>() + packed;
        size_of::<Self>() + self.newest.bytes() + self.total.bytes() + closed
    }

    /// Moves to the step that an observation outside of the accepted time belongs to.
    #[cold]
    fn advance(&mut self, step: u64) {
        let elapsed = step.saturating_sub(self.newest_step);
        // Set back by more than the window, the clock says that what is there lies in the future.
        let rewound = self.newest_step.saturating_sub(step) >= SLOTS;
        if rewound || elapsed >= SLOTS {
            *self = Self::of_parts(self.step, step, Vec::new());
        } else if elapsed > 0 {
            self.close();
            self.forget(step);
            self.go_to(step);
        }
    }

    fn go_to(&mut self, newest_step: u64) {
        self.newest_step = newest_step;
        let since = newest_step.saturating_sub(SLOTS - 1).saturating_mul(self.step);
        self.accepted = since..newest_step.saturating_add(1).saturating_mul(self.step);
    }

    /// Packs what the newest step has so far.
    fn close(&mut self) {
        if self.newest_totals.is_empty() {
            return;
        }
        let totals = std::mem::take(&mut self.newest_totals);
        let part = Part { step: self.newest_step, totals, buckets: Packed::new(&self.newest) };
        self.total.merge(&self.newest);
        self.newest.reset();
        match self.closed.last_mut() {
            Some(last) if last.step == part.step => last.merge(&part),
            _ => {
                // No more than a window's steps are ever closed.
                self.closed.reserve_exact(SLOTS as usize - self.closed.len());
                self.closed.push(part);
            }
        }
    }

    /// Drops the steps that are not within the window once `step` is its newest.
    fn forget(&mut self, step: u64) {
        let aged = self.aged(step);
        take_away(&mut self.total, &self.closed, aged);
        self.closed.drain(..aged);
        self.total.trim();
    }

    /// How many closed parts lie before a window whose newest step is `step`.
    fn aged(&self, step: u64) -> usize {
        self.closed.partition_point(|part| step.saturating_sub(part.step) >= SLOTS)
    }
}

/// Takes the first parts out of the total of all.
fn take_away(total: &mut Buckets, parts: &[Part], aged: usize) {
    let (aged, kept) = parts.split_at(aged);
    if aged.is_empty() {
        return;
    }
    if total.collapsed() > 0 {
        // Who was folded is not known any more.
        *total = part::sum(kept);
    } else {
        aged.iter().for_each(|part| total.subtract(&part.buckets.unpack()));
    }
}

/// Nanoseconds since the Unix epoch, until the year 2554; everything later is that moment.
#[inline]
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
