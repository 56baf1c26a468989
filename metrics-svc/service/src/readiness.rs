//! What must hold before the process takes work.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

/// How many parts do not meet each condition yet.
type Conditions = BTreeMap<&'static str, usize>;

/// Named conditions, shared by those who meet them and those who ask.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<watch::Sender<Conditions>>);

/// One of several that meet a condition together: it holds when all of them say so.
#[derive(Debug)]
pub struct ReadinessPart {
    readiness: Readiness,
    condition: &'static str,
    holds: bool,
}

/// Follows a [`Readiness`] from one state to the next.
#[derive(Debug)]
pub struct ReadinessChanges(watch::Receiver<Conditions>);

impl Readiness {
    /// Conditions that do not hold yet.
    #[must_use]
    pub fn awaiting(conditions: &[&'static str]) -> Self {
        let unmet = conditions.iter().map(|name| (*name, 1));
        Self(Arc::new(watch::Sender::new(unmet.collect())))
    }

    /// Says whether a condition holds; a new name adds a condition.
    pub fn set(&self, condition: &'static str, holds: bool) {
        self.change(condition, |_| usize::from(!holds));
    }

    /// Has a condition wait for so many parts, none of which meets it yet.
    #[must_use]
    pub fn parts<const PARTS: usize>(&self, condition: &'static str) -> [ReadinessPart; PARTS] {
        self.change(condition, |_| PARTS);
        std::array::from_fn(|_| ReadinessPart { readiness: self.clone(), condition, holds: false })
    }

    fn change(&self, condition: &'static str, unmet: impl FnOnce(usize) -> usize) {
        self.0.send_if_modified(|conditions| {
            let before = conditions.get(condition).copied();
            let after = unmet(before.unwrap_or_default());
            conditions.insert(condition, after);
            before.map(|before| before == 0) != Some(after == 0)
        });
    }

    /// The conditions that do not hold, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let conditions = self.0.borrow();
        let unmet = conditions.iter().filter(|(_, unmet)| **unmet > 0);
        unmet.map(|(name, _)| *name).collect()
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        all_hold(&self.0.borrow())
    }

    /// Follows the conditions from now on.
    #[must_use]
    pub fn changes(&self) -> ReadinessChanges {
        ReadinessChanges(self.0.subscribe())
    }
}

impl ReadinessPart {
    /// Says whether this part meets the condition.
    pub fn set(&mut self, holds: bool) {
        if holds != std::mem::replace(&mut self.holds, holds) {
            let after = |unmet: usize| if holds { unmet.saturating_sub(1) } else { unmet + 1 };
            self.readiness.change(self.condition, after);
        }
    }
}

impl ReadinessChanges {
    /// Waits for the next change of a condition and tells whether every one holds then. Changes that were not
    /// waited for count as one. Never resolves once nobody is left to change anything.
    pub async fn next(&mut self) -> bool {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        all_hold(&self.0.borrow_and_update())
    }
}

fn all_hold(conditions: &Conditions) -> bool {
    conditions.values().all(|unmet| *unmet == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_when_nothing_is_missing() {
        let readiness = Readiness::awaiting(&["model", "redis"]);
        assert_eq!(readiness.missing(), ["model", "redis"]);
        let seen_elsewhere = readiness.clone();
        readiness.set("model", true);
        assert_eq!(seen_elsewhere.missing(), ["redis"]);
        readiness.set("redis", true);
        assert!(seen_elsewhere.is_ready());
        readiness.set("redis", false);
        assert!(!seen_elsewhere.is_ready());
    }

    #[test]
    fn a_condition_of_parts_holds_when_all_of_them_meet_it() {
        let readiness = Readiness::awaiting(&["redis"]);
        let mut parts = readiness.parts::<2>("redis");
        for (part, holds, ready) in
            [(0, true, false), (0, true, false), (1, true, true), (0, false, false), (0, true, true)]
        {
            parts[part].set(holds);
            assert_eq!(readiness.is_ready(), ready, "part {part} says {holds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_and_repetitions_are_not() {
        let readiness = Readiness::awaiting(&["model", "redis"]);
        let mut changes = readiness.changes();
        readiness.set("model", true);
        assert!(!changes.next().await);
        readiness.set("model", true);
        let nothing = tokio::time::timeout(std::time::Duration::from_secs(1), changes.next()).await;
        assert!(nothing.is_err());
        readiness.set("redis", true);
        assert!(changes.next().await);
    }
}
