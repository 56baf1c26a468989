//! Those who watch results over gRPC.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    frame::StreamId,
    pipeline::{Detected, FrameOrigin},
};

/// Results kept for a watcher that reads slowly; past it the oldest are lost to it.
const WATCH_CAPACITY: usize = 256;

/// Pixels of masks, a byte each, kept for a watcher that reads slowly.
const WATCH_PIXELS: usize = 64 << 20;

/// A frame and what was found in it, as those who watch get it.
#[derive(Clone, Debug)]
pub struct PublishedFrame {
    /// Which frame.
    pub frame: FrameOrigin,
    /// What was found.
    pub detected: Detected,
}

/// Where results can be watched; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Watchers(Arc<Mutex<Vec<Weak<Watcher>>>>);

/// One who watches, until it is dropped.
#[derive(Debug)]
pub struct Watching(Arc<Watcher>);

/// Tells whether a stream's results are to be seen.
type Wanted = Box<dyn Fn(&StreamId) -> bool + Send + Sync>;

struct Watcher {
    wanted: Wanted,
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    results: VecDeque<Arc<PublishedFrame>>,
    /// Pixels of their masks.
    pixels: usize,
    /// Results lost since the last that was read.
    missed: u64,
}

impl Watchers {
    /// Follows what is published from now on of the streams that are `wanted`.
    #[must_use]
    pub fn subscribe(&self, wanted: impl Fn(&StreamId) -> bool + Send + Sync + 'static) -> Watching {
        let watcher = Watcher { wanted: Box::new(wanted), waiting: Mutex::default(), news: Notify::new() };
        let watcher = Arc::new(watcher);
        self.0.lock().push(Arc::downgrade(&watcher));
        Watching(watcher)
    }

    /// Tells those who want to know; gives back what nobody wants.
    pub(crate) fn tell(&self, frame: FrameOrigin, detected: Detected) -> Option<Detected> {
        let mut watchers = self.0.lock();
        watchers.retain(|watcher| watcher.strong_count() > 0);
        let wants = |watcher: &Arc<Watcher>| (watcher.wanted)(&frame.stream);
        let interested: Vec<_> = watchers.iter().filter_map(Weak::upgrade).filter(wants).collect();
        drop(watchers);
        if interested.is_empty() {
            return Some(detected);
        }
        let result = Arc::new(PublishedFrame { frame, detected });
        interested.iter().for_each(|watcher| watcher.push(Arc::clone(&result)));
        None
    }
}

impl Watcher {
    fn push(&self, result: Arc<PublishedFrame>) {
        let mut waiting = self.waiting.lock();
        waiting.pixels += result.mask_pixels();
        waiting.results.push_back(result);
        // The newest stays, however large its masks are.
        while waiting.results.len() > 1
            && (waiting.results.len() > WATCH_CAPACITY || waiting.pixels > WATCH_PIXELS)
        {
            waiting.pop();
            waiting.missed += 1;
        }
        drop(waiting);
        self.news.notify_one();
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<Arc<PublishedFrame>> {
        let oldest = self.results.pop_front()?;
        self.pixels -= oldest.mask_pixels();
        Some(oldest)
    }
}

impl PublishedFrame {
    /// Pixels that its masks are kept for.
    fn mask_pixels(&self) -> usize {
        let masks = self.detected.detections.iter().filter_map(|detection| detection.mask.as_ref());
        masks.map(|mask| mask.pixels.len()).sum()
    }

    /// Whether there are masks in it, which take time to encode.
    #[must_use]
    pub fn has_masks(&self) -> bool {
        self.mask_pixels() > 0
    }
}

impl Watching {
    /// Waits for the next result; tells, too, how many were lost before it.
    pub async fn next(&self) -> (Arc<PublishedFrame>, u64) {
        loop {
            let news = self.0.news.notified();
            if let Some(next) = self.take() {
                return next;
            }
            news.await;
        }
    }

    fn take(&self) -> Option<(Arc<PublishedFrame>, u64)> {
        let mut waiting = self.0.waiting.lock();
        let result = waiting.pop()?;
        Some((result, std::mem::take(&mut waiting.missed)))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "watchers_tests.rs"]
mod tests;
