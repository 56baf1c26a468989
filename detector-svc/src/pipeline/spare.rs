//! Vectors that have been used and will be again, so that a frame costs no new memory.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

/// Vectors kept at most: more than are in use at a time.
const KEPT: usize = 64;

/// Empty vectors with room in them; cheap to clone.
#[derive(Debug)]
pub(crate) struct Spare<T>(Arc<ArrayQueue<Vec<T>>>);

impl<T> Spare<T> {
    /// A vector that was used before, if there is one.
    pub(crate) fn take(&self) -> Vec<T> {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps a vector's memory for the next that needs some.
    pub(crate) fn give_back(&self, mut used: Vec<T>) {
        used.clear();
        // Where there are enough of them it goes.
        let _ = self.0.push(used);
    }
}

impl<T> Clone for Spare<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Arc::new(ArrayQueue::new(KEPT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty() {
        let spare = Spare::default();
        let mut first = spare.take();
        first.extend([1, 2, 3]);
        let (room, place) = (first.capacity(), first.as_ptr());
        spare.give_back(first);
        let second = spare.clone().take();
        assert_eq!((second.len(), second.capacity(), second.as_ptr()), (0, room, place));
    }
}
