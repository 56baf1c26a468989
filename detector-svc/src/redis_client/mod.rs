//! Connections to Redis, to a server or a cluster, and what is recorded of the commands sent over them.
//!
//! On the server a user needs little. With the default streams this is enough:
//!
//! ```text
//! ACL SETUSER detector on >password resetkeys resetchannels -@all
//!     +xread +xrevrange +evalsha +script|load +exists +xinfo|stream +xadd +ping
//!     ~robot_camera ~detected_objects %W~detectable_labels
//! ```
//!
//! The script that looks at a stream only reads, but servers take every key of a script for one that is written. A
//! cluster needs `+cluster|slots`, too; [`replay`](crate::replay) needs `+xadd` and `%W~` on its stream.

mod address;
mod args;
mod client;
mod cluster;
mod connection;
mod error;
mod metrics;
mod tls;
mod writer;

use std::{collections::HashSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use vision_service::settings::{InvalidSetting, Secret, masked};

pub(crate) use self::metrics::RedisMetrics;
pub use self::{
    args::RedisArgs,
    client::{ClientError, RedisClient},
    cluster::slot,
    connection::Connection,
    error::{is_wrong_server, needs_new_connection},
    writer::Writer,
};

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
    /// A client; connects to nothing yet, and reads the files of certificates.
    ///
    /// # Errors
    /// [`ClientError`]: the settings contradict each other, or a file cannot be used.
    pub fn client(&self) -> Result<RedisClient, ClientError> {
        RedisClient::new(self)
    }
}

fn check(settings: &RedisSettings) -> Result<(), InvalidSetting> {
    if settings.url.is_empty() {
        return Ok(());
    }
    address::connection_info(settings)?;
    check_streams(&settings.streams)?;
    for (key, value) in [("timeout", settings.timeout), ("reconnect_max", settings.reconnect_max)] {
        if value.is_zero() {
            return Err(InvalidSetting::new(key, "is zero"));
        }
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
