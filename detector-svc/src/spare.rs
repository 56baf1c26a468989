//! Vectors that have been used and will be again, so that a frame costs no new memory.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

/// Vectors that nobody uses at present. Cheap to clone; the clones share them.
#[derive(Debug)]
pub struct Spare<T>(Arc<ArrayQueue<Vec<T>>>);

impl<T> Spare<T> {
    /// Keeps at most `capacity` vectors, at least one: as many as are in use at a time.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(ArrayQueue::new(capacity.max(1))))
    }

    /// A vector with whatever its last user left in it; one without memory when none is to spare.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps a vector for the next that needs one; where there are enough of them it goes.
    pub fn give_back(&self, used: Vec<T>) {
        drop(self.0.push(used));
    }
}

impl<T> Clone for Spare<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_no_more_of_it_than_is_kept() {
        let spare = Spare::new(1);
        let first = vec![1, 2, 3];
        let place = first.as_ptr();
        spare.give_back(first);
        spare.give_back(vec![4]);
        let again = spare.clone().take();
        assert_eq!((again.as_ptr(), again), (place, vec![1, 2, 3]));
        assert_eq!(spare.take().capacity(), 0);
    }
}
