//! Those who watch results over gRPC.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::pipeline::{Detected, FrameOrigin};

/// Results kept for a watcher that reads slowly; past it the oldest are lost to it.
const WATCH_CAPACITY: usize = 256;

/// A frame and what was found in it, as those who watch get it.
#[derive(Clone, Debug)]
pub struct PublishedFrame {
    /// Which frame.
    pub frame: FrameOrigin,
    /// What was found.
    pub detected: Detected,
}

/// Where results can be watched; cheap to clone.
#[derive(Clone, Debug)]
pub struct Watchers(broadcast::Sender<Arc<PublishedFrame>>);

impl Default for Watchers {
    fn default() -> Self {
        Self(broadcast::Sender::new(WATCH_CAPACITY))
    }
}

impl Watchers {
    /// Follows what is published from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<PublishedFrame>> {
        self.0.subscribe()
    }

    pub(super) fn tell(&self, frame: FrameOrigin, detected: Detected) {
        if self.0.receiver_count() > 0 {
            // The last watcher may leave at any time.
            let _ = self.0.send(Arc::new(PublishedFrame { frame, detected }));
        }
    }
}
