//! A sliding window of observations: a ring of sketches, merged when read.

use std::time::Duration;

use crate::{UnixTime, sketch::Sketch};

/// Parts of a window: it slides in steps of a tenth.
const SLOTS: u64 = 10;

/// Observations of the last `max_age`, in steps of a tenth of it: covers between 90 % and 100 %.
#[derive(Clone, Debug)]
pub struct SlidingWindow {
    step: Duration,
    /// Number of the newest step written to, counted from the Unix epoch.
    newest: u64,
    slots: [Sketch; SLOTS as usize],
}

impl SlidingWindow {
    /// An empty window that reaches back by `max_age`, which is at least 10 ns.
    #[must_use]
    pub fn new(max_age: Duration) -> Self {
        Self {
            step: (max_age / SLOTS as u32).max(Duration::from_nanos(1)),
            newest: 0,
            slots: Default::default(),
        }
    }

    /// Adds a value observed at `now`. A clock that steps back a little writes into the newest step.
    pub fn observe(&mut self, value: f64, now: UnixTime) {
        self.advance(self.step_at(now));
        let slot = (self.newest % SLOTS) as usize;
        self.slots[slot].observe(value);
    }

    /// Everything within the window at `now`.
    #[must_use]
    pub fn read(&self, now: UnixTime) -> Sketch {
        let current = self.step_at(now).max(self.newest);
        let mut merged = Sketch::default();
        for step in (current + 1).saturating_sub(SLOTS)..=self.newest {
            merged.merge(&self.slots[(step % SLOTS) as usize]);
        }
        merged
    }

    fn step_at(&self, now: UnixTime) -> u64 {
        u64::try_from(now.as_nanos() / self.step.as_nanos()).unwrap_or(u64::MAX - 1)
    }

    /// Clears the steps passed over since the newest one.
    fn advance(&mut self, step: u64) {
        if step + SLOTS <= self.newest {
            // The clock was set back by more than the window: what is there lies in the future.
            self.slots = Default::default();
            self.newest = step;
        }
        let passed = step.saturating_sub(self.newest).min(SLOTS);
        for cleared in 0..passed {
            self.slots[((step - cleared) % SLOTS) as usize] = Sketch::default();
        }
        self.newest = self.newest.max(step);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(100);

    fn at(seconds: u64) -> UnixTime {
        Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn values_leave_between_ninety_and_a_hundred_percent() {
        let mut window = SlidingWindow::new(MAX_AGE);
        window.observe(1.0, at(5));
        assert_eq!(window.read(at(95)).count(), 1);
        assert_eq!(window.read(at(100)).count(), 0);
    }

    #[test]
    fn a_long_pause_empties_the_window() {
        let mut window = SlidingWindow::new(MAX_AGE);
        window.observe(1.0, at(0));
        window.observe(2.0, at(100_000));
        assert_eq!(window.read(at(100_000)).max(), Some(2.0));
        assert_eq!(window.read(at(100_000)).count(), 1);
    }

    #[test]
    fn a_clock_set_back_loses_no_later_value() {
        let mut window = SlidingWindow::new(MAX_AGE);
        window.observe(1.0, at(50));
        window.observe(2.0, at(30));
        assert_eq!(window.read(at(50)).count(), 2);
        window.observe(3.0, Duration::from_secs(10));
        assert_eq!(window.read(Duration::from_secs(10)).count(), 1);
    }

    proptest! {
        #[test]
        fn agrees_with_a_list_of_times(mut times in prop::collection::vec(0..1000_u64, 1..200)) {
            times.sort_unstable();
            let mut window = SlidingWindow::new(MAX_AGE);
            for (index, time) in times.iter().enumerate() {
                window.observe(*time as f64, at(*time));
                let since = (time / 10 + 1).saturating_sub(10) * 10;
                let expected = times[..=index].iter().filter(|other| **other >= since).count();
                prop_assert_eq!(window.read(at(*time)).count(), expected as u64);
            }
        }
    }
}
