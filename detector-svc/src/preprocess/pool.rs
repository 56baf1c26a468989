//! Pixel buffers that go round.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

/// Buffers of fitted images that have served: the threads that fit images take them, and whoever is done with a
/// [`Fitted`](super::Fitted) image puts its own back by dropping it. Cheap to clone; the clones share the buffers.
#[derive(Clone, Debug)]
pub struct BufferPool {
    spare: Arc<ArrayQueue<Vec<u8>>>,
}

impl BufferPool {
    /// Keeps at most `capacity` buffers that nobody uses, at least one: as many as images are fitted and waiting at
    /// a time.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { spare: Arc::new(ArrayQueue::new(capacity.max(1))) }
    }

    /// A buffer with anything in it; one without memory when none is to spare.
    pub(super) fn take(&self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Gives a buffer back; a full pool lets it go.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        drop(self.spare.push(buffer));
    }
}
