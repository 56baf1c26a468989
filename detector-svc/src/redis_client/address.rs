//! Where the server is and who asks, from the settings; and what may be shown of a URL.

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, io::tcp::TcpSettings,
    parse_redis_url,
};
use vision_service::settings::{InvalidSetting, masked};

use super::RedisSettings;

/// Parameters of a URL of a Unix socket; those of others are fewer.
const PARAMETERS: [&str; 4] = ["protocol", "db", "user", "pass"];

/// Address and login, with the settings beside the URL laid over it. No error repeats the URL, which may hold a
/// password.
///
/// # Errors
/// The URL is none of a Redis server, or a setting contradicts it.
pub(super) fn connection_info(settings: &RedisSettings) -> Result<ConnectionInfo, InvalidSetting> {
    check_url(&settings.url)?;
    let info = settings.url.as_str().into_connection_info();
    let info = info.map_err(|error| invalid("url", format!("is no URL of a Redis server: {error}")))?;
    check_cluster(settings, &info)?;
    check_files(settings, &info)?;
    let login = login(settings, info.redis_settings().clone());
    // A command is not to wait for the answer to the one before.
    Ok(info.set_redis_settings(login).set_tcp_settings(tcp_settings()))
}

/// Settings of every TCP connection.
pub(super) fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// A URL without its password.
pub(super) fn shown(url: &str) -> String {
    // What cannot be read may hide a password anywhere.
    let Some(mut parsed) = parse_redis_url(url).filter(|parsed| parsed.fragment().is_none()) else {
        return masked(url);
    };
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return masked(url);
    }
    if parsed.query().is_some() {
        let shown = |(name, value): (String, String)| match PARAMETERS.contains(&&*name) && name != "pass" {
            true => (name, value),
            false => (name, masked(&value)),
        };
        let pairs: Vec<_> = parsed.query_pairs().into_owned().map(shown).collect();
        parsed.query_pairs_mut().clear().extend_pairs(pairs);
    }
    parsed.into()
}

/// Refuses what would otherwise be passed over in silence.
fn check_url(url: &str) -> Result<(), InvalidSetting> {
    let url = parse_redis_url(url).ok_or_else(|| {
        invalid("url", "is no URL of a Redis server, expected redis://…, rediss://… or redis+unix:///…")
    })?;
    if url.fragment().is_some() {
        let reason = "has a part after `#`: certificates are always checked, `redis.ca_file` names whom to trust, \
                      and a `#` in a password is written `%23`";
        return Err(invalid("url", reason));
    }
    let known = if url.scheme().ends_with("unix") { PARAMETERS.as_slice() } else { &PARAMETERS[..1] };
    if url.query_pairs().any(|(name, _)| !known.contains(&&*name)) {
        let reason =
            format!("has a parameter that is none of {known:?}; a `?` in a password is written `%3F`");
        return Err(invalid("url", reason));
    }
    Ok(())
}

fn check_cluster(settings: &RedisSettings, info: &ConnectionInfo) -> Result<(), InvalidSetting> {
    let database = info.redis_settings().db();
    if database < 0 {
        return Err(invalid("url", format!("names database {database}")));
    }
    if settings.cluster && database != 0 {
        return Err(invalid("cluster", format!("has database 0 only, and `redis.url` names {database}")));
    }
    if settings.cluster && matches!(info.addr(), ConnectionAddr::Unix(_)) {
        return Err(invalid("cluster", "is reached over TCP, and `redis.url` names a Unix socket"));
    }
    Ok(())
}

fn check_files(settings: &RedisSettings, info: &ConnectionInfo) -> Result<(), InvalidSetting> {
    let files = [
        ("ca_file", &settings.ca_file),
        ("cert_file", &settings.cert_file),
        ("key_file", &settings.key_file),
    ];
    let set = files.iter().find(|(_, path)| !path.as_os_str().is_empty());
    if let (Some((key, _)), false) = (set, matches!(info.addr(), ConnectionAddr::TcpTls { .. })) {
        return Err(invalid(key, "is for TLS, and `redis.url` is not rediss://…"));
    }
    match (settings.cert_file.as_os_str().is_empty(), settings.key_file.as_os_str().is_empty()) {
        (false, true) => Err(invalid("cert_file", "is set without `redis.key_file`")),
        (true, false) => Err(invalid("key_file", "is set without `redis.cert_file`")),
        _ => Ok(()),
    }
}

fn login(settings: &RedisSettings, login: RedisConnectionInfo) -> RedisConnectionInfo {
    // Which library asks is nobody's business, and telling it takes a right that users need not have.
    let mut login = login.set_skip_set_lib_name();
    if !settings.username.is_empty() {
        login = login.set_username(&settings.username);
    }
    if !settings.password.is_empty() {
        login = login.set_password(settings.password.reveal());
    }
    // A name alone would not be told to the server: the default user would do the work.
    if login.username().is_some() && login.password().is_none() {
        login = login.set_password("");
    }
    login
}

fn invalid(key: &str, reason: impl Into<String>) -> InvalidSetting {
    InvalidSetting::new(key, reason)
}
