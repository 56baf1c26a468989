//! What must hold before the process takes work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Named conditions, shared by those who meet them and those who ask.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Readiness {
    /// Conditions that do not hold yet.
    #[must_use]
    pub fn awaiting(conditions: &[&'static str]) -> Self {
        let unmet = conditions.iter().map(|name| (*name, false));
        Self(Arc::new(Mutex::new(unmet.collect())))
    }

    /// Says whether a condition holds; a new name adds a condition.
    pub fn set(&self, condition: &'static str, holds: bool) {
        self.lock().insert(condition, holds);
    }

    /// The conditions that do not hold, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let conditions = self.lock();
        let unmet = conditions.iter().filter(|(_, holds)| !**holds);
        unmet.map(|(name, _)| *name).collect()
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(|holds| *holds)
    }

    /// A map of flags is sound whatever its holder did.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
}
