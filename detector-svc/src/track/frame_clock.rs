//! Time as the frames of one stream tell it.

use std::time::Duration;

/// Adds up the steps forward between frames, so that it never goes back when a camera's clock does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FrameClock {
    last: Option<Duration>,
    now: Duration,
}

impl FrameClock {
    /// Goes on to a frame's time and returns how much passed: nothing when the time stands still or jumps back, where
    /// counting goes on from.
    pub(super) fn advance(&mut self, frame_time: Duration) -> Duration {
        let elapsed = frame_time.saturating_sub(self.last.unwrap_or(frame_time));
        self.last = Some(frame_time);
        self.now = self.now.saturating_add(elapsed);
        elapsed
    }

    /// Time since the first frame.
    pub(super) fn now(&self) -> Duration {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_forward_count() {
        let mut clock = FrameClock::default();
        let elapsed = [100, 103, 103, 50, 51, u64::MAX, 0, u64::MAX]
            .map(|seconds| clock.advance(Duration::from_secs(seconds)).as_secs());
        assert_eq!(elapsed, [0, 3, 0, 0, 1, u64::MAX - 51, 0, u64::MAX]);
        assert!(clock.now().as_secs() == u64::MAX);
    }
}
