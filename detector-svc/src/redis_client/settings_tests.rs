use std::fs;

use redis::{ConnectionAddr, ConnectionInfo};
use vision_service::settings::{Settings as _, dump, to_toml};

use super::*;

fn settings(url: &str) -> RedisSettings {
    RedisSettings { url: url.to_owned(), ..RedisSettings::default() }
}

fn refused(settings: &RedisSettings) -> String {
    let error = settings.validate().expect_err("settings of no use").to_string();
    assert!(!error.contains("hunter2"), "{error}");
    error
}

fn info(settings: &RedisSettings) -> ConnectionInfo {
    address::connection_info(settings).expect("a server")
}

#[test]
fn servers_are_named_by_urls_of_several_schemes() {
    let unix = "redis+unix:///run/redis.sock?db=3&user=u&pass=p";
    for url in ["redis://u:p@host:1/3", "rediss://u:p@host:1/3", unix, &unix.replace("redis+", "")] {
        let info = info(&settings(url));
        let login = info.redis_settings();
        assert_eq!((login.db(), login.username(), login.password()), (3, Some("u"), Some("p")), "{url}");
    }
    let addresses = ["redis://host", "rediss://host", unix].map(|url| info(&settings(url)).addr().clone());
    assert_eq!(addresses[0], ConnectionAddr::Tcp("host".to_owned(), 6379));
    assert!(matches!(&addresses[1], ConnectionAddr::TcpTls { host, insecure: false, .. } if host == "host"));
    assert_eq!(addresses[2], ConnectionAddr::Unix("/run/redis.sock".into()));
}

#[test]
fn user_and_password_are_laid_over_those_of_the_url() {
    let login = |user: &str, password: &str| {
        let mut settings = settings("redis://u:p@host");
        (settings.username, settings.password) = (user.to_owned(), Secret::new(password));
        let info = info(&settings);
        let login = info.redis_settings();
        (login.username().map(str::to_owned), login.password().map(str::to_owned))
    };
    let some = |user: &str, password: &str| (Some(user.to_owned()), Some(password.to_owned()));
    assert_eq!(login("", ""), some("u", "p"));
    assert_eq!(login("v", ""), some("v", "p"));
    assert_eq!(login("", "q"), some("u", "q"));
    // A user without a password logs in all the same.
    assert_eq!(info(&settings("redis://u@host")).redis_settings().password(), Some(""));
    assert_eq!(info(&settings("redis://host")).redis_settings().password(), None);
}

#[test]
fn what_contradicts_itself_is_refused_by_its_key() {
    for (url, reason) in [
        ("http://hunter2@host", "`url` is no URL of a Redis server"),
        ("redis://:hunter2#3@host", "`url` is no URL"),
        ("redis://host/hunter2", "`url` is no URL"),
        ("redis://host/-1", "`url` names database -1"),
        ("rediss://:hunter2@host/#insecure", "certificates are always checked"),
        ("redis://u:1#hunter2@host", "`%23`"),
        ("redis://host?db=3", "`url` has a parameter that is none of [\"protocol\"]"),
        ("redis://u:1?hunter2@host", "`%3F`"),
        ("redis+unix:///s?database=3", "none of [\"protocol\", \"db\""),
    ] {
        let message = refused(&settings(url));
        assert!(message.contains(reason), "{url}: {message}");
    }
    let cluster = |url: &str| refused(&RedisSettings { cluster: true, ..settings(url) });
    assert!(cluster("redis://host/3").contains("`cluster` has database 0 only, and `redis.url` names 3"));
    assert!(cluster("unix:///s").contains("`cluster` is reached over TCP"));
    let path = || PathBuf::from("/x.pem");
    let plain = RedisSettings { ca_file: path(), ..settings("redis://host") };
    assert!(refused(&plain).contains("`ca_file` is for TLS"));
    let half = RedisSettings { cert_file: path(), ..settings("rediss://host") };
    assert!(refused(&half).contains("`cert_file` is set without `redis.key_file`"));
    let half = RedisSettings { key_file: path(), ..settings("rediss://host") };
    assert!(refused(&half).contains("`key_file` is set without `redis.cert_file`"));
}

#[test]
fn passwords_are_not_shown() {
    for (url, expected) in [
        ("redis://host/3", "redis://host/3"),
        ("redis://u:hunter2@host/3", "redis://u:***@host/3"),
        ("redis://:hunter2@host", "redis://:***@host"),
        ("unix:///s?user=u&pass=hunter2&db=1", "unix:///s?user=u&pass=***&db=1"),
        ("redis://u:1#hunter2@host", "***"),
        ("redis://u:x#hunter2@host", "***"),
        ("hunter2", "***"),
        ("", ""),
    ] {
        assert_eq!(address::shown(url), expected, "{url}");
    }
    let mut settings = settings("redis://u:hunter2@host");
    settings.password = Secret::new("hunter2");
    let shown = dump(&settings).expect("a dump");
    assert!(shown.contains("password = \"***\"") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(to_toml(&settings).expect("a file").matches("hunter2").count(), 2);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let empty = dir.path().join("empty.pem");
    fs::write(&empty, "nothing").expect("a file");
    let refused = |settings: RedisSettings| settings.client().expect_err("a client").to_string();
    let missing = RedisSettings { ca_file: "/nonexistent.pem".into(), ..settings("rediss://host") };
    let message = refused(missing);
    assert!(message.contains("`redis.ca_file` names /nonexistent.pem") && message.contains("No such file"));
    let ca = RedisSettings { ca_file: empty.clone(), ..settings("rediss://host") };
    assert!(refused(ca).contains("empty.pem, which cannot be used: it has no certificate in PEM"));
    assert!(settings("rediss://host").client().is_ok(), "no file, no matter");
}

#[test]
fn a_server_reads_all_streams_together_and_a_cluster_by_their_slots() {
    let streams = ["a{1}", "b", "c{1}", "d{b}"].map(str::to_owned);
    let groups = |cluster| {
        let settings = RedisSettings { cluster, ..settings("redis://host") };
        settings.client().expect("a client").groups(&streams)
    };
    assert_eq!(groups(false), [streams.to_vec()]);
    assert_eq!(groups(true), [vec!["a{1}", "c{1}"], vec!["b", "d{b}"]]);
}
