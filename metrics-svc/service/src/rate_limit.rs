//! Keeps a message that bad input could repeat without end from filling the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one of many pass in each period.
#[derive(Debug)]
pub struct OncePer {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    passed: Option<Instant>,
    suppressed: u64,
}

impl OncePer {
    /// One pass a `period`.
    #[must_use]
    pub const fn new(period: Duration) -> Self {
        let state = State { passed: None, suppressed: 0 };
        Self { period, state: Mutex::new(state) }
    }

    /// Whether one may pass at `now`: then, how many were held back since the last that did.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let open = state.passed.is_none_or(|passed| now.saturating_duration_since(passed) >= self.period);
        if !open {
            state.suppressed += 1;
            return None;
        }
        state.passed = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_once_a_period_and_counts_the_rest() {
        let gate = OncePer::new(Duration::from_secs(1));
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(gate.pass(start), Some(0));
        assert_eq!(gate.pass(start), None);
        assert_eq!(gate.pass(after(999)), None);
        assert_eq!(gate.pass(after(1000)), Some(2));
        assert_eq!(gate.pass(after(1001)), None);
        assert_eq!(gate.pass(after(5000)), Some(1));
    }
}
