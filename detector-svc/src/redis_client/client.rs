//! Opens connections as the settings say.

use std::{path::PathBuf, time::Duration};

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, RedisResult};
use vision_service::settings::InvalidSetting;

use super::{Connection, RedisSettings, Writer, address, cluster::Cluster, tls};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Settings contradict each other.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// A file cannot be used.
    #[error("setting `redis.{key}` names {}, which cannot be used: {reason}", path.display())]
    File {
        /// The setting, without its section.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificates cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] RedisError),
}

/// Opens connections, each to wherever the host's name leads then. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RedisClient {
    server: Server,
    timeout: Duration,
    reconnect_max: Duration,
}

#[derive(Clone, Debug)]
enum Server {
    Single(Client),
    Cluster(Cluster),
}

impl RedisClient {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, ClientError> {
        let info = address::connection_info(settings).map_err(|invalid| invalid.within("redis"))?;
        let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let certificates = if is_tls { Some(tls::certificates(settings)?) } else { None };
        let server = match (settings.cluster, certificates) {
            (true, certificates) => Server::Cluster(Cluster::new(info, certificates)?),
            (false, Some(certificates)) => Server::Single(Client::build_with_tls(info, certificates)?),
            (false, None) => Server::Single(Client::open(info)?),
        };
        Ok(Self { server, timeout: settings.timeout, reconnect_max: settings.reconnect_max })
    }

    /// A connection of its own for a reader that waits up to `block` for an answer.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn reader(&self, block: Duration) -> RedisResult<Connection> {
        self.open(block + self.timeout).await
    }

    /// A connection that opens itself when it is first used, and again after it was lost.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone())
    }

    /// Streams in groups that one blocking read can wait on: all of a server's together, a cluster's by their
    /// [slots](super::slot). Groups and what is in them keep the order of `streams`.
    #[must_use]
    pub fn groups(&self, streams: &[String]) -> Vec<Vec<String>> {
        match &self.server {
            Server::Single(_) => vec![streams.to_vec()],
            Server::Cluster(_) => super::cluster::by_slot(streams),
        }
    }

    /// Longest pause before a lost connection is tried again.
    pub(crate) fn reconnect_max(&self) -> Duration {
        self.reconnect_max
    }

    /// How long a connection or a command may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn database(&self) -> i64 {
        match &self.server {
            Server::Single(client) => client.get_connection_info().redis_settings().db(),
            Server::Cluster(_) => 0,
        }
    }

    pub(super) async fn open(&self, response_timeout: Duration) -> RedisResult<Connection> {
        match &self.server {
            Server::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.timeout))
                    .set_response_timeout(Some(response_timeout));
                let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                Ok(Connection::Single(connection))
            }
            Server::Cluster(cluster) => {
                Ok(Connection::Cluster(cluster.open(self.timeout, response_timeout).await?))
            }
        }
    }
}
