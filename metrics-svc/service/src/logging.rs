//! Structured log lines to stderr.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, fmt::SubscriberBuilder, util::TryInitError};

use crate::settings::InvalidSetting;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

crate::settings! {
    /// Log lines.
    pub struct LogSettings checked by check {
        /// How a line looks: `text` or `json`.
        pub format: LogFormat = LogFormat::Text,
        /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, for single modules too, as in
        /// `info,tonic=debug`.
        pub level: String = "info".to_owned(),
    }
}

/// Sends this process's log lines to stderr.
///
/// # Errors
/// Logging is set up already.
pub fn init(settings: &LogSettings) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = EnvFilter::new(&settings.level);
    let builder: SubscriberBuilder<_, _, _, fn() -> io::Stderr> =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let builder = builder.with_ansi(io::stderr().is_terminal());
    match settings.format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    }
}

fn check(settings: &LogSettings) -> Result<(), InvalidSetting> {
    let parsed = EnvFilter::try_new(&settings.level);
    parsed.map(drop).map_err(|error| {
        let reason = format!("is {:?}, which says no level: {error}", settings.level);
        InvalidSetting::new("level", reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused() {
        let settings = |level: &str| LogSettings { level: level.to_owned(), ..LogSettings::default() };
        assert_eq!(check(&settings("info,tonic=debug")), Ok(()));
        assert!(check(&settings("tonic=loud")).is_err());
    }

    #[test]
    fn a_format_reads_as_it_is_written() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let read: Result<LogFormat, _> = serde_json::from_value(format.to_string().into());
            assert_eq!(read.ok(), Some(format));
        }
    }
}
