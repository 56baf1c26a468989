//! The connection to Redis on a command line.

use std::{convert::Infallible, path::PathBuf};

use vision_service::settings::Secret;

use super::RedisSettings;

/// Which server, and how to be let in; what is not given is taken from the environment of the service.
#[derive(Clone, Debug, clap::Args)]
pub struct RedisArgs {
    /// URL of the Redis server
    #[arg(
        long,
        env = "DETECTOR_SVC__REDIS__URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379"
    )]
    pub redis_url: String,
    /// User to log in as, over the URL's
    #[arg(long, env = "DETECTOR_SVC__REDIS__USERNAME", default_value = "")]
    pub redis_username: String,
    /// Password, over the URL's; better given in the environment, where others do not see it
    #[arg(
        long,
        env = "DETECTOR_SVC__REDIS__PASSWORD",
        hide_env_values = true,
        hide_default_value = true,
        default_value = ""
    )]
    pub redis_password: Secret,
    /// PEM file with the certificates to trust with rediss://
    #[arg(long, env = "DETECTOR_SVC__REDIS__CA_FILE", default_value = "", value_parser = path)]
    pub redis_ca_file: PathBuf,
    /// PEM file with the client's certificate
    #[arg(long, env = "DETECTOR_SVC__REDIS__CERT_FILE", default_value = "", value_parser = path)]
    pub redis_cert_file: PathBuf,
    /// PEM file with the key of the client's certificate
    #[arg(long, env = "DETECTOR_SVC__REDIS__KEY_FILE", default_value = "", value_parser = path)]
    pub redis_key_file: PathBuf,
    /// The URL's host is a node of a Redis Cluster
    #[arg(long, env = "DETECTOR_SVC__REDIS__CLUSTER")]
    pub redis_cluster: bool,
}

impl RedisArgs {
    /// The same as settings.
    #[must_use]
    pub fn settings(&self) -> RedisSettings {
        RedisSettings {
            url: self.redis_url.clone(),
            username: self.redis_username.clone(),
            password: self.redis_password.clone(),
            ca_file: self.redis_ca_file.clone(),
            cert_file: self.redis_cert_file.clone(),
            key_file: self.redis_key_file.clone(),
            cluster: self.redis_cluster,
            ..RedisSettings::default()
        }
    }
}

/// Any text: none means that there is no file.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}
