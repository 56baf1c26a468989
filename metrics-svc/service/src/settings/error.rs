//! Why settings cannot be used.

use std::path::PathBuf;

use super::Origin;

/// Why settings cannot be loaded or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("settings file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("settings file {} is not TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// No setting has this key.
    #[error("unknown setting `{key}` in {origin}")]
    Unknown {
        /// The key with the sections around it.
        key: String,
        /// Who names it.
        origin: Origin,
    },
    /// The value is not of the setting's type.
    #[error("setting `{key}` in {origin} cannot be {value}: {reason}")]
    Value {
        /// The key with the sections around it.
        key: String,
        /// The value as TOML.
        value: String,
        /// Who sets it.
        origin: Origin,
        /// What was expected.
        reason: String,
    },
    /// The value is of the right type and yet of no use.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
    /// A default cannot be written as TOML.
    #[error("default settings cannot be written as TOML: {0}")]
    Unrepresentable(#[from] toml::ser::Error),
}

/// A value that no type rules out and that cannot be used all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}` {reason}")]
pub struct InvalidSetting {
    key: String,
    reason: String,
}

impl InvalidSetting {
    /// `key` is relative to the section that is checked; `reason` goes on the sentence "setting `key` ...".
    #[must_use]
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }

    /// The same, as seen from the section around `section`.
    #[must_use]
    pub fn within(self, section: &str) -> Self {
        Self { key: format!("{section}.{}", self.key), ..self }
    }
}
