//! Ending a process: one token that says so, one deadline for what is still at work.

use std::{future::Future, io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

crate::settings! {
    /// Ending the process.
    pub struct ShutdownSettings {
        /// How long work in progress may take after SIGTERM or SIGINT.
        #[serde(with = "humantime_serde")]
        pub grace: Duration = Duration::from_secs(10),
    }
}

/// A token that SIGTERM and SIGINT cancel.
///
/// # Errors
/// The signals cannot be listened to.
///
/// # Panics
/// Outside a tokio runtime.
pub fn signal_token() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "shutting down");
        cancelled.cancel();
    });
    Ok(token)
}

/// The tasks of a process, all told to end by one token and waited for together.
#[derive(Clone, Debug)]
pub struct Drain {
    tasks: TaskTracker,
    token: CancellationToken,
    grace: Duration,
}

/// Tasks were still running at the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks did not end within {grace:?}")]
pub struct Overdue {
    /// How many.
    pub tasks: usize,
    /// How long they were given.
    pub grace: Duration,
}

impl Drain {
    /// Tasks that `token` ends, given `grace` to do so.
    #[must_use]
    pub fn new(token: CancellationToken, grace: Duration) -> Self {
        Self { tasks: TaskTracker::new(), token, grace }
    }

    /// The token; a task ends soon after it is cancelled.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Runs a task that is waited for.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// Waits for the token, then for every task, at most as long as the grace.
    ///
    /// # Errors
    /// Tasks still run at the deadline; they are left to themselves.
    pub async fn finish(self) -> Result<(), Overdue> {
        self.token.cancelled().await;
        self.tasks.close();
        let ended = tokio::time::timeout(self.grace, self.tasks.wait()).await;
        ended.map_err(|_| Overdue { tasks: self.tasks.len(), grace: self.grace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn waits_for_tasks_that_end_in_time() {
        let drain = Drain::new(CancellationToken::new(), GRACE);
        let token = drain.token();
        drain.spawn(async move {
            token.cancelled().await;
            tokio::time::sleep(GRACE / 2).await;
        });
        drain.token().cancel();
        assert_eq!(drain.finish().await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_tasks_that_do_not() {
        let drain = Drain::new(CancellationToken::new(), GRACE);
        drain.spawn(std::future::pending::<()>());
        drain.token().cancel();
        let overdue = Overdue { tasks: 1, grace: GRACE };
        assert_eq!(drain.finish().await, Err(overdue));
    }
}
