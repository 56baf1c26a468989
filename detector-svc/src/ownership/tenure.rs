//! One time that this process has a stream.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::frame::Lease;

/// A lease and until when it holds by this process's own clock: so that one that slept through its lease knows before
/// it asks anybody. Shared between the one that renews and those that rely on it.
#[derive(Clone, Debug)]
pub struct Tenure {
    lease: Lease,
    term: Duration,
    confirmed: Arc<Mutex<Instant>>,
}

impl Tenure {
    /// A lease that was asked for at `asked` and granted for `term` since.
    #[must_use]
    pub fn new(lease: Lease, term: Duration, asked: Instant) -> Self {
        Self { lease, term, confirmed: Arc::new(Mutex::new(asked)) }
    }

    /// The lease.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The lease was asked for again at `asked`, and is ours still.
    pub fn confirm(&self, asked: Instant) {
        let mut confirmed = self.confirmed.lock();
        *confirmed = asked.max(*confirmed);
    }

    /// Whether the lease cannot have run out at `now`.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        now < *self.confirmed.lock() + self.term
    }

    /// Whether the lease was found to be ours at `moment` or later.
    #[must_use]
    pub fn confirmed_since(&self, moment: Instant) -> bool {
        *self.confirmed.lock() >= moment
    }
}

impl PartialEq for Tenure {
    fn eq(&self, other: &Self) -> bool {
        self.lease == other.lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_out_unless_it_is_confirmed() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let tenure = Tenure::new(Lease::new("a:1"), Duration::from_millis(300), start);
        let relying = tenure.clone();
        assert!(relying.holds(after(299)) && !relying.holds(after(300)));
        tenure.confirm(after(200));
        tenure.confirm(after(100));
        assert!(relying.holds(after(499)) && !relying.holds(after(500)));
        assert!(relying.confirmed_since(after(200)) && !relying.confirmed_since(after(201)));
    }
}
