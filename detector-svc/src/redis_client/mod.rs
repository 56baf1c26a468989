//! Connections to Redis, to a server or a cluster, and what is recorded of the commands sent over them.
//!
//! On the server a user needs this much with the default streams; the third row is for streams of which every frame is
//! looked at, and for patterns:
//!
//! ```text
//! ACL SETUSER detector on >password resetkeys resetchannels -@all
//!     +ping +xread +xrevrange +xinfo|stream +exists +xadd +eval +evalsha +script|load
//!     +get +set +del +pexpire +time +zadd +zrem +zrange +zremrangebyscore
//!     +xreadgroup +xgroup +xack +xclaim +xautoclaim +xpending +xrange +xinfo|groups +xinfo|consumers +scan
//!     ~robot_camera ~detected_objects ~{detected_objects}:* ~detectable_labels
//! ```
//!
//! A cluster needs `+cluster|slots`, too, and annotated frames `%W~annotated_camera`; [`replay`](crate::replay) needs
//! `+xadd` and `%W~` on its stream.

mod address;
mod args;
mod client;
mod cluster;
mod connection;
mod error;
mod link;
mod metrics;
mod tls;
mod writer;

use std::{
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use vision_service::settings::{InvalidSetting, Secret, masked};

pub use self::{
    args::RedisArgs,
    client::{ClientError, RedisClient},
    cluster::slot,
    connection::Connection,
    error::{is_wrong_server, needs_new_connection},
    writer::Writer,
};
pub(crate) use self::{
    connection::NodeRoute,
    error::{has_vanished, is_refusal},
    link::RedisLink,
    metrics::RedisMetrics,
};
use crate::glob;

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
        /// URL of the server: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or
        /// `redis+unix:///path/of/socket[?db=database]`. Empty: no streams, gRPC only.
        #[masked(address::shown)]
        pub url: String = "redis://127.0.0.1:6379".to_owned(),
        /// User to log in as, over the URL's. Empty: the URL's.
        pub username: String = String::new(),
        /// Password, over the URL's. Empty: the URL's.
        #[masked(masked)]
        pub password: Secret = Secret::default(),
        /// PEM file with the certificates to trust with `rediss://`. Empty: the authorities that the web trusts.
        pub ca_file: PathBuf = PathBuf::new(),
        /// PEM file with the client's certificate, if the server asks for one.
        pub cert_file: PathBuf = PathBuf::new(),
        /// PEM file with the key of `cert_file`.
        pub key_file: PathBuf = PathBuf::new(),
        /// Whether the URL's host is a node of a Redis Cluster. Each slot that streams are in takes a connection to
        /// each node, so related streams are better named with a common `{tag}`.
        pub cluster: bool = false,
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
        /// How long a frame may be with another consumer before it is claimed. When an owned stream is taken over, all are
        /// claimed at once.
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
/// Longest time that can be set.
const LONGEST: Duration = Duration::from_secs(86_400);
/// Bounds of the time between two looks for streams.
const DISCOVER_EVERY: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(60);

impl RedisSettings {
    /// A client; connects to nothing yet, and reads the files of certificates.
    ///
    /// # Errors
    /// [`ClientError`]: the settings contradict each other, or a file cannot be used.
    pub fn client(&self) -> Result<RedisClient, ClientError> {
        RedisClient::new(self)
    }

    /// Which frames of a stream are looked at.
    #[must_use]
    pub fn policy_of(&self, stream: &str) -> Policy {
        let named = self.policies.get(stream);
        let patterns = self.policies.iter().filter(|(pattern, _)| glob::matches(pattern, stream));
        let longest = || patterns.max_by_key(|(pattern, _)| pattern.len()).map(|(_, policy)| policy);
        named.or_else(longest).copied().unwrap_or(self.policy)
    }
}

fn check(settings: &RedisSettings) -> Result<(), InvalidSetting> {
    if settings.url.is_empty() {
        return Ok(());
    }
    address::connection_info(settings)?;
    check_streams(&settings.streams)?;
    for (key, value) in [
        ("timeout", settings.timeout),
        ("reconnect_max", settings.reconnect_max),
        ("claim_after", settings.claim_after),
    ] {
        if value.is_zero() || value > LONGEST {
            return Err(InvalidSetting::new(key, format!("is {value:?}, more than 0 to 1 day is allowed")));
        }
    }
    if !DISCOVER_EVERY.contains(&settings.discover_every) {
        let reason = format!("is {:?}, not within 50ms..=60s", settings.discover_every);
        return Err(InvalidSetting::new("discover_every", reason));
    }
    check_group(settings)
}

fn check_group(settings: &RedisSettings) -> Result<(), InvalidSetting> {
    if settings.group.is_empty() {
        return Err(InvalidSetting::new("group", "is empty"));
    }
    if settings.max_deliveries == 0 {
        return Err(InvalidSetting::new("max_deliveries", "is 0, at least 1 is needed"));
    }
    Ok(())
}

fn check_streams(streams: &[String]) -> Result<(), InvalidSetting> {
    if streams.is_empty() || streams.len() > MAX_STREAMS {
        let reason = format!("has {} streams, 1 to {MAX_STREAMS} are allowed", streams.len());
        return Err(InvalidSetting::new("streams", reason));
    }
    if streams.iter().any(String::is_empty) {
        return Err(InvalidSetting::new("streams", "has an empty name"));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = streams.iter().find(|name| !seen.insert(*name)) {
        return Err(InvalidSetting::new("streams", format!("names {twice:?} twice")));
    }
    Ok(())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
