use redis::{ServerErrorKind, make_extension_error};

use super::*;

fn answer(code: &str) -> RedisError {
    make_extension_error(code.to_owned(), Some("says the server".to_owned()))
}

fn known(kind: ServerErrorKind) -> RedisError {
    (ErrorKind::Server(kind), "says the server").into()
}

fn tls() -> RedisError {
    io::Error::new(io::ErrorKind::InvalidData, rustls::Error::General("of no trust".to_owned())).into()
}

#[test]
fn errors_are_told_apart() {
    let cases = [
        (io::Error::from(io::ErrorKind::TimedOut).into(), "timeout", true),
        (io::Error::from(io::ErrorKind::BrokenPipe).into(), "connection", true),
        (tls(), "tls", true),
        ((ErrorKind::AuthenticationFailed, "no").into(), "auth", true),
        (answer("WRONGPASS"), "auth", false),
        (answer("NOAUTH"), "auth", true),
        (known(ServerErrorKind::NoPerm), "permission", false),
        (known(ServerErrorKind::ReadOnly), "readonly", true),
        (answer("UNBLOCKED"), "readonly", true),
        (known(ServerErrorKind::BusyLoading), "loading", true),
        (known(ServerErrorKind::MasterDown), "masterdown", true),
        (known(ServerErrorKind::ClusterDown), "clusterdown", true),
        (known(ServerErrorKind::Moved), "slot", false),
        (answer("OOM"), "oom", false),
        (answer("MISCONF"), "write_refused", false),
        (answer("WRONGTYPE"), "wrongtype", false),
        (answer("NOGROUP"), "nogroup", false),
        (answer("whatever"), "response", false),
        (known(ServerErrorKind::ResponseError), "response", false),
    ];
    for (error, expected, reconnect) in cases {
        assert_eq!((error_type(&error), needs_new_connection(&error)), (expected, reconnect), "{error}");
    }
}

#[test]
fn what_concerns_one_stream_is_no_matter_of_the_connection() {
    for refusal in [answer("WRONGTYPE"), known(ServerErrorKind::NoPerm)] {
        assert!(is_refusal(&refusal) && !has_vanished(&refusal), "{refusal}");
    }
    for gone in [answer("NOGROUP"), answer("UNBLOCKED")] {
        assert!(has_vanished(&gone) && !is_refusal(&gone), "{gone}");
    }
    // What a server says must not be taken for its code.
    let told = make_extension_error("ERR".to_owned(), Some("no such key NOGROUP:WRONGTYPE".to_owned()));
    assert!(!is_refusal(&told) && !has_vanished(&told));
}

#[test]
fn the_wrong_server_is_not_a_lost_one() {
    assert!(is_wrong_server(&known(ServerErrorKind::ReadOnly)));
    assert!(!is_wrong_server(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
}
