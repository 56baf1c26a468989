//! Connections to Redis, and what is recorded of the commands sent over them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};
use serde::{Deserialize, Serialize};
use vision_metrics::catalogue::{REDIS_ERRORS, REDIS_OPERATION_DURATION, REDIS_OPERATIONS};
use vision_metrics_client::{Counter, Histogram, Recorder};
use vision_service::settings::InvalidSetting;

/// Which frames of a stream are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The newest; unread older ones are dropped as `superseded`.
    #[default]
    Latest,
}

vision_service::settings! {
    /// Redis, where frames come from and detections go to.
    pub struct RedisSettings checked by check {
        /// URL of the server, `redis://[user:password@]host[:port][/database]`. Empty: no streams, gRPC only.
        pub url: String = "redis://127.0.0.1:6379".to_owned(),
        /// Streams that frames are read from.
        pub streams: Vec<String> = vec!["robot_camera".to_owned()],
        /// Which frames of a stream are looked at: `latest`, the newest whenever there is room.
        pub policy: Policy = Policy::Latest,
        /// How long a connection or a command may take.
        #[serde(with = "humantime_serde")]
        pub timeout: Duration = Duration::from_secs(2),
        /// Longest pause before a lost connection is tried again.
        #[serde(with = "humantime_serde")]
        pub reconnect_max: Duration = Duration::from_secs(2),
    }
}

/// Streams that one process reads.
const MAX_STREAMS: usize = 1024;

impl RedisSettings {
    /// A client for the URL; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is none.
    pub fn client(&self) -> RedisResult<Client> {
        Client::open(self.url.as_str())
    }

    /// A connection of its own for a reader that waits up to `block` for an answer.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn reader(&self, client: &Client, block: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(block + self.timeout));
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection that opens itself when it is first used, and again after it was lost.
    ///
    /// # Errors
    /// The client's settings contradict each other.
    pub fn writer(&self, client: &Client) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_number_of_retries(1);
        client.get_connection_manager_lazy(config)
    }
}

/// Records one kind of operation: how often, how long, what went wrong.
#[derive(Clone, Debug)]
pub(crate) struct RedisMetrics {
    operation: &'static str,
    succeeded: Counter,
    failed: Counter,
    duration: Histogram,
    recorder: Recorder,
}

impl RedisMetrics {
    pub(crate) fn new(recorder: &Recorder, operation: &'static str) -> Self {
        Self {
            operation,
            succeeded: recorder.counter(&REDIS_OPERATIONS, &[operation, "success"]),
            failed: recorder.counter(&REDIS_OPERATIONS, &[operation, "failure"]),
            duration: recorder.histogram(&REDIS_OPERATION_DURATION, &[operation]),
            recorder: recorder.clone(),
        }
    }

    /// Records an operation that began at `started`.
    pub(crate) fn observe<T>(&self, started: Instant, result: &RedisResult<T>) {
        self.duration.observe_duration(started.elapsed());
        match result {
            Ok(_) => self.succeeded.inc(),
            Err(error) => self.fail(error),
        }
    }

    /// Counts an operation that failed, without a duration, as of a read that waits for news.
    pub(crate) fn fail(&self, error: &RedisError) {
        self.failed.inc();
        self.recorder.counter(&REDIS_ERRORS, &[self.operation, error_type(error)]).inc();
    }
}

/// Value of the `error_type` label.
fn error_type(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connection_dropped() || error.is_io_error() {
        "connection"
    } else {
        "response"
    }
}

fn check(settings: &RedisSettings) -> Result<(), InvalidSetting> {
    if settings.url.is_empty() {
        return Ok(());
    }
    // The URL may hold a password, so it is not repeated.
    settings
        .client()
        .map_err(|error| InvalidSetting::new("url", format!("is no URL of a Redis server: {error}")))?;
    if settings.streams.is_empty() || settings.streams.len() > MAX_STREAMS {
        let reason = format!("has {} streams, 1 to {MAX_STREAMS} are allowed", settings.streams.len());
        return Err(InvalidSetting::new("streams", reason));
    }
    if settings.streams.iter().any(String::is_empty) {
        return Err(InvalidSetting::new("streams", "has an empty name"));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = settings.streams.iter().find(|name| !seen.insert(*name)) {
        return Err(InvalidSetting::new("streams", format!("names {twice:?} twice")));
    }
    for (key, value) in [("timeout", settings.timeout), ("reconnect_max", settings.reconnect_max)] {
        if value.is_zero() {
            return Err(InvalidSetting::new(key, "is zero"));
        }
    }
    Ok(())
}
