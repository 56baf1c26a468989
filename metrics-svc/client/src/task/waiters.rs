//! Those who wait for what they recorded to be acknowledged.

use tokio::sync::oneshot;

/// Flushes that are asked for and not done.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// What was recorded before is not in a batch yet.
    uncut: Vec<oneshot::Sender<()>>,
    /// What was recorded before is in batches up to this one.
    cut: Vec<(u64, oneshot::Sender<()>)>,
}

impl Waiters {
    pub(super) fn push(&mut self, waiter: oneshot::Sender<()>) {
        self.uncut.push(waiter);
    }

    /// Whether somebody waits for a batch to be cut.
    pub(super) fn want_cut(&self) -> bool {
        !self.uncut.is_empty()
    }

    /// Everything recorded before is in batches up to `last_sequence`.
    pub(super) fn all_cut(&mut self, last_sequence: u64) {
        let cut = self.uncut.drain(..);
        self.cut.extend(cut.map(|waiter| (last_sequence, waiter)));
    }

    /// Tells those whose batches are acknowledged.
    pub(super) fn acknowledged(&mut self, acked_sequence: u64) {
        let done = self.cut.extract_if(.., |(sequence, _)| *sequence <= acked_sequence);
        for (_, waiter) in done {
            // Whoever gave up waiting is not told.
            let _ = waiter.send(());
        }
    }
}
