//! Connections to Redis, and what is recorded of the commands sent over them.

use std::{
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
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

use crate::source::glob;

/// Which frames of a stream are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The newest; unread older ones are dropped as `superseded`.
    #[default]
    Latest,
    /// Each, in order: read through a consumer group and acknowledged when it has its verdict.
    Every,
}

vision_service::settings! {
    /// Redis, where frames come from and detections go to.
    pub struct RedisSettings checked by check {
        /// URL of the server, `redis://[user:password@]host[:port][/database]`. Empty: no streams, gRPC only.
        pub url: String = "redis://127.0.0.1:6379".to_owned(),
        /// Streams that frames are read from: names, and patterns (`camera:*`, `cam?`, `cam[12]`) that find streams while
        /// running, too.
        pub streams: Vec<String> = vec!["robot_camera".to_owned()],
        /// Which frames of a stream are looked at: `latest`, the newest whenever there is room, or `every`, each one, which
        /// is acknowledged to a consumer group when it is done with.
        pub policy: Policy = Policy::Latest,
        /// Policies of single streams, by name or pattern, as in `"robot_camera" = "every"`. The name counts before a
        /// pattern, the longer pattern before the shorter.
        pub policies: BTreeMap<String, Policy> = BTreeMap::new(),
        /// How often streams are looked for that patterns find, 50ms to 60s.
        #[serde(with = "humantime_serde")]
        pub discover_every: Duration = Duration::from_secs(1),
        /// Consumer group that streams of the policy `every` are read through.
        pub group: String = "detector-svc".to_owned(),
        /// How long a frame may be with another consumer before it is claimed, when streams are not owned. Those of an
        /// owned stream are claimed at once.
        #[serde(with = "humantime_serde")]
        pub claim_after: Duration = Duration::from_secs(30),
        /// Deliveries of a frame after which it is given up, if it never got a verdict, at least 1.
        pub max_deliveries: u64 = 5,
        /// How long a connection or a command may take.
        #[serde(with = "humantime_serde")]
        pub timeout: Duration = Duration::from_secs(2),
        /// Longest pause before a lost connection is tried again.
        #[serde(with = "humantime_serde")]
        pub reconnect_max: Duration = Duration::from_secs(2),
    }
}

/// Streams that one process reads.
pub(crate) const MAX_STREAMS: usize = 1024;
/// Bounds of the time between two looks for streams.
const DISCOVER_EVERY: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(60);

impl RedisSettings {
    /// A client for the URL; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is none.
    pub fn client(&self) -> RedisResult<Client> {
        Client::open(self.url.as_str())
    }

    /// Which frames of a stream are looked at.
    #[must_use]
    pub fn policy_of(&self, stream: &str) -> Policy {
        let named = self.policies.get(stream);
        let patterns = self.policies.iter().filter(|(pattern, _)| glob::matches(pattern, stream));
        let longest = || patterns.max_by_key(|(pattern, _)| pattern.len()).map(|(_, policy)| policy);
        named.or_else(longest).copied().unwrap_or(self.policy)
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
    if !DISCOVER_EVERY.contains(&settings.discover_every) {
        let reason = format!("is {:?}, not within 50ms..=60s", settings.discover_every);
        return Err(InvalidSetting::new("discover_every", reason));
    }
    if settings.group.is_empty() {
        return Err(InvalidSetting::new("group", "is empty"));
    }
    if settings.claim_after.is_zero() {
        return Err(InvalidSetting::new(
            "claim_after",
            "is zero: frames would be taken from those who look at them",
        ));
    }
    if settings.max_deliveries == 0 {
        return Err(InvalidSetting::new("max_deliveries", "is 0, at least 1 is needed"));
    }
    Ok(())
}
