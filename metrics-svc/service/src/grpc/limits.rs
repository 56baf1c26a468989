//! What a gRPC server takes on at once.

use std::time::Duration;

use crate::settings::InvalidSetting;

crate::settings! {
    /// What a gRPC server takes on at once.
    pub struct Limits checked by check {
        /// Connections served at once, fewer where the process may not open so many files. Past them the one that
        /// has been without calls longest is closed.
        pub max_connections: usize = 16_384,
        /// How long a connection must have been without calls before it may be closed to make room for another.
        #[serde(with = "humantime_serde")]
        pub min_idle: Duration = Duration::from_secs(10),
        /// How long a new connection may take to say that it speaks HTTP/2.
        #[serde(with = "humantime_serde")]
        pub preface_timeout: Duration = Duration::from_secs(20),
        /// Unary calls at work at once; past them they get `RESOURCE_EXHAUSTED`.
        pub max_unary_in_progress: usize = 256,
        /// Streams open at once; past them they get `RESOURCE_EXHAUSTED`.
        pub max_streams: usize = 16_384,
        /// How long a unary call may take; past that it gets `DEADLINE_EXCEEDED`.
        #[serde(with = "humantime_serde")]
        pub unary_timeout: Duration = Duration::from_secs(30),
    }
}

fn check(limits: &Limits) -> Result<(), InvalidSetting> {
    for (key, zero) in [
        ("max_connections", limits.max_connections == 0),
        ("preface_timeout", limits.preface_timeout.is_zero()),
        ("max_unary_in_progress", limits.max_unary_in_progress == 0),
        ("max_streams", limits.max_streams == 0),
        ("unary_timeout", limits.unary_timeout.is_zero()),
    ] {
        if zero {
            return Err(InvalidSetting::new(key, "is 0: nothing would be served"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_limit_that_lets_nothing_pass_is_refused() {
        assert_eq!(Limits::default().validate(), Ok(()));
        let none = Limits { max_streams: 0, ..Limits::default() };
        assert!(none.validate().is_err());
        let at_once = Limits { min_idle: Duration::ZERO, ..Limits::default() };
        assert_eq!(at_once.validate(), Ok(()));
    }
}
