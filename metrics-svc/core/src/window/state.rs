//! A window as it is saved.

use serde::{Deserialize, Serialize};

use super::{SLOTS, SlidingWindow, part::Part};

/// All parts of a window, the newest closed as well.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    /// Nanoseconds of a step.
    step: u64,
    newest: u64,
    parts: Vec<Part>,
}

/// A state that no window has.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// A window slides in steps.
    #[error("a window has no steps of 0 ns")]
    NoStep,
    /// Parts are out of order, or not within the window.
    #[error("step {step} is none of a window that ends with step {newest}")]
    Step { step: u64, newest: u64 },
    /// Sum or extremes are none of the values counted.
    #[error("sum or extremes of step {0} are none of its values")]
    Totals(u64),
}

impl From<SlidingWindow> for State {
    fn from(mut window: SlidingWindow) -> Self {
        window.close();
        Self { step: window.step, newest: window.newest_step, parts: window.closed }
    }
}

impl TryFrom<State> for SlidingWindow {
    type Error = StateError;

    fn try_from(State { step, newest, parts }: State) -> Result<Self, StateError> {
        if step == 0 {
            return Err(StateError::NoStep);
        }
        let mut least = newest.saturating_sub(SLOTS - 1);
        for part in &parts {
            if !(least..=newest).contains(&part.step) {
                return Err(StateError::Step { step: part.step, newest });
            }
            if !part.is_consistent() {
                return Err(StateError::Totals(part.step));
            }
            least = part.step.saturating_add(1);
        }
        Ok(Self::of_parts(step, newest, parts))
    }
}
