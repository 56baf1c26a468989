//! Waiting for something to become true, without guessing how long it takes.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, interval};

/// How long is waited: far longer than anything takes on a machine that does something else, too.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is an answer, which it returns.
///
/// # Errors
/// After [`PATIENCE`], what the last look saw instead.
pub async fn eventually<T, E: Display>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pauses = interval(PAUSE);
    loop {
        pauses.tick().await;
        match look().await {
            Ok(answer) => return Ok(answer),
            Err(seen) if Instant::now() >= deadline => {
                anyhow::bail!("{what} did not happen within {PATIENCE:?}; last seen: {seen}")
            }
            Err(_) => {}
        }
    }
}
