//! What must hold before the process takes work.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

type Conditions = BTreeMap<&'static str, bool>;

/// Named conditions, shared by those who meet them and those who ask.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<watch::Sender<Conditions>>);

/// Follows a [`Readiness`] from one state to the next.
#[derive(Debug)]
pub struct ReadinessChanges(watch::Receiver<Conditions>);

impl Readiness {
    /// Conditions that do not hold yet.
    #[must_use]
    pub fn awaiting(conditions: &[&'static str]) -> Self {
        let unmet = conditions.iter().map(|name| (*name, false));
        Self(Arc::new(watch::Sender::new(unmet.collect())))
    }

    /// Says whether a condition holds; a new name adds a condition.
    pub fn set(&self, condition: &'static str, holds: bool) {
        self.0.send_if_modified(|conditions| conditions.insert(condition, holds) != Some(holds));
    }

    /// The conditions that do not hold, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let conditions = self.0.borrow();
        let unmet = conditions.iter().filter(|(_, holds)| !**holds);
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
    conditions.values().all(|holds| *holds)
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
