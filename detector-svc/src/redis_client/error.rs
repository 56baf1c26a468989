//! What an error says about the connection that it came over.

use std::{error::Error, io, sync::Arc};

use redis::{ErrorKind, RedisError, Value};

/// Codes of a server that is not, or not yet, the one to talk to. `UNBLOCKED` ends a wait on one that has just
/// become a replica.
const WRONG_SERVER: [&str; 5] = ["READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "UNBLOCKED"];

/// Whether a server answers that it is not, or not yet, the one to talk to: it has become a replica, loads its
/// data, or has lost its master. The host's name may lead to another one by now.
#[must_use]
pub fn is_wrong_server(error: &RedisError) -> bool {
    error.code().is_some_and(|code| WRONG_SERVER.contains(&code))
}

/// Whether a connection is of no more use after this error: it is broken, nobody answers in time, the server does
/// not know this user, or it [is the wrong one](is_wrong_server). Any other error is a matter of one command.
#[must_use]
pub fn needs_new_connection(error: &RedisError) -> bool {
    let broken = matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::Parse
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
    );
    broken || is_wrong_server(error) || error.code() == Some("NOAUTH")
}

/// Whether the server answers, and refuses one key, or a command: no matter of the connection.
pub(crate) fn is_refusal(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGTYPE" | "NOPERM"))
}

/// Whether a stream, or the consumer group that it was read through, is no more.
pub(crate) fn has_vanished(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED"))
}

/// Whether one of the answers [needs a new connection](needs_new_connection).
pub(super) fn any_needs_new_connection(answers: &[Value]) -> bool {
    answers.iter().any(|answer| match answer {
        Value::ServerError(error) => needs_new_connection(&error.clone().into()),
        _ => false,
    })
}

/// Value of the `error_type` label: one of a short list, whatever servers say.
pub(super) fn error_type(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if is_tls(error) {
        "tls"
    } else if error.is_connection_dropped() || error.is_io_error() {
        "connection"
    } else if error.kind() == ErrorKind::AuthenticationFailed {
        "auth"
    } else {
        error.code().map_or("response", answer_type)
    }
}

/// Type of an error that a server answers with, by its code.
fn answer_type(code: &str) -> &'static str {
    match code {
        "WRONGPASS" | "NOAUTH" => "auth",
        "NOPERM" => "permission",
        "READONLY" | "UNBLOCKED" => "readonly",
        "LOADING" => "loading",
        "MASTERDOWN" => "masterdown",
        "CLUSTERDOWN" => "clusterdown",
        "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" => "slot",
        "OOM" => "oom",
        "MISCONF" | "NOREPLICAS" => "write_refused",
        "WRONGTYPE" => "wrongtype",
        "NOGROUP" => "nogroup",
        _ => "response",
    }
}

/// Whether the two ends do not agree on how to encrypt, or one does not trust the other.
fn is_tls(error: &RedisError) -> bool {
    let Some(source) = error.source() else {
        return false;
    };
    // `redis` shares the causes of its errors, and tells the handle as the cause.
    let source = source.downcast_ref::<Arc<dyn Error + Send + Sync>>().map_or(source, |shared| &**shared);
    let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    source.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
