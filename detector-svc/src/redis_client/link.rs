//! The connection that one part of the service keeps open to Redis, through its losses.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use redis::{RedisError, RedisResult};
use tokio::sync::Notify;
use vision_metrics_client::Recorder;
use vision_service::rate_limit::OncePer;

use super::{Connection, RedisClient, RedisMetrics};

type Backoff = <ExponentialBuilder as backon::BackoffBuilder>::Backoff;

/// First pause before a lost connection is tried again.
const RECONNECT_MIN: Duration = Duration::from_millis(50);

/// One connection, opened when it is needed and again after it was lost.
pub(crate) struct RedisLink {
    client: RedisClient,
    /// How long a command may wait for news.
    block: Duration,
    open: Option<Open>,
    backoff: Backoff,
    /// Told of each new connection.
    connected: Arc<Notify>,
    metrics: RedisMetrics,
    log: OncePer,
}

struct Open {
    connection: Connection,
    since: Instant,
}

impl RedisLink {
    /// A link whose commands wait up to `block` for news and are recorded as `operation`. `connected` is told of each
    /// new connection.
    pub(crate) fn new(
        client: &RedisClient,
        block: Duration,
        operation: &'static str,
        recorder: &Recorder,
        connected: Arc<Notify>,
    ) -> Self {
        Self {
            client: client.clone(),
            block,
            open: None,
            backoff: backoff(client.reconnect_max()),
            connected,
            metrics: RedisMetrics::new(recorder, operation),
            log: OncePer::new(Duration::from_secs(1)),
        }
    }

    /// The connection, and since when it is open.
    ///
    /// # Errors
    /// It cannot be opened: [`RedisLink::lost`] knows how long to wait.
    pub(crate) async fn connection(&mut self) -> RedisResult<(Connection, Instant)> {
        if let Some(Open { connection, since }) = &self.open {
            return Ok((connection.clone(), *since));
        }
        let connection = self.client.reader(self.block).await;
        let connection = connection.inspect_err(|error| self.metrics.fail(error))?;
        let since = Instant::now();
        self.open = Some(Open { connection: connection.clone(), since });
        self.connected.notify_one();
        Ok((connection, since))
    }

    /// Says that the connection has worked, so that the next loss is the first again.
    pub(crate) fn works(&mut self) {
        self.backoff = backoff(self.client.reconnect_max());
    }

    /// Lets go of the connection, which failed at `what`, as whoever sent the command has recorded; tells how long to
    /// wait before the next.
    pub(crate) fn lost(&mut self, error: &RedisError, what: &str) -> Duration {
        self.open = None;
        let longest = self.client.reconnect_max();
        let pause = self.backoff.next().map_or(longest, |pause| pause.min(longest));
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(%error, retry_in = ?pause, suppressed, "failed to {what}");
        }
        pause
    }

    /// Says that one stream is refused, which is no matter of the connection.
    pub(crate) fn refused(&self, stream: &str, error: &RedisError) {
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(stream, %error, suppressed, "stream cannot be read");
        }
    }

    /// Streams that one command may name, as groups; one that waits blocks its connection, so only a single group can
    /// be waited for.
    pub(crate) fn groups(&self, streams: &[String]) -> Vec<Vec<String>> {
        self.client.groups(streams)
    }

    /// Records what is sent over the connection.
    pub(crate) fn metrics(&self) -> &RedisMetrics {
        &self.metrics
    }
}

fn backoff(longest: Duration) -> Backoff {
    ExponentialBuilder::new()
        .with_min_delay(RECONNECT_MIN)
        .with_max_delay(longest.max(RECONNECT_MIN))
        .without_max_times()
        .with_jitter()
        .build()
}
