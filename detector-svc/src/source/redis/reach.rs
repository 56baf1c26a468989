//! Whether Redis can be read, as several parts see it.

use std::sync::Arc;

use parking_lot::Mutex;
use vision_service::readiness::Readiness;

/// The condition of readiness that Redis can be read.
pub const READY_CONDITION: &str = "redis";

/// Combines what the parts say: the condition holds when it does for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    readiness: Readiness,
    /// A bit for each part that does not reach Redis.
    missing: Arc<Mutex<u64>>,
    parts: u32,
}

/// One part's say.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    reach: Reach,
    bit: u64,
}

impl Reach {
    pub(crate) fn new(readiness: Readiness) -> Self {
        Self { readiness, missing: Arc::default(), parts: 0 }
    }

    /// A further part, which does not reach Redis yet. There are at most 64.
    pub(crate) fn part(&mut self) -> Part {
        let bit = 1 << self.parts;
        self.parts += 1;
        *self.missing.lock() |= bit;
        Part { reach: self.clone(), bit }
    }
}

impl Part {
    /// Says whether this part reaches Redis.
    pub(crate) fn set(&self, reaches: bool) {
        let mut missing = self.reach.missing.lock();
        *missing = if reaches { *missing & !self.bit } else { *missing | self.bit };
        self.reach.readiness.set(READY_CONDITION, *missing == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_all_parts() {
        let readiness = Readiness::awaiting(&[READY_CONDITION]);
        let mut reach = Reach::new(readiness.clone());
        let (first, second) = (reach.part(), reach.part());
        first.set(true);
        assert!(!readiness.is_ready());
        second.set(true);
        second.set(true);
        assert!(readiness.is_ready());
        first.set(false);
        assert!(!readiness.is_ready());
    }
}
