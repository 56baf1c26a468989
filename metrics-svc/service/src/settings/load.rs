//! Reads the layers one value at a time, so that a mistake is known by its key and its layer.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Origin, Settings, SettingsError,
    key::{Found, KeyDoc, find, is_masked},
    secret,
};
use crate::AppInfo;

/// What is laid over the defaults; later fields win.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables, of which only `PREFIX__SECTION__KEY` are read: strings as they are, other values
    /// as TOML writes them.
    pub env: Vec<(String, String)>,
    /// Dotted keys and values from flags, written like those of the environment.
    pub overrides: Vec<(String, String)>,
}

/// Loads settings from every layer.
///
/// # Errors
/// The first key that is unknown or value that cannot be used, with its layer; or the file cannot be read.
pub fn load<S: Settings>(app: &AppInfo, layers: &Layers) -> Result<S, SettingsError> {
    let mut loader = Loader::<S>::new()?;
    if let Some(path) = &layers.file {
        loader.read_file(path)?;
    }
    loader.read_environment(app, &layers.env)?;
    for (key, text) in &layers.overrides {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        loader.set_text(&path, text, &Origin::Flag(format!("--set {key}")))?;
    }
    loader.settings.validate()?;
    Ok(loader.settings)
}

struct Loader<S> {
    keys: Vec<KeyDoc>,
    table: Table,
    settings: S,
}

impl<S: Settings> Loader<S> {
    fn new() -> Result<Self, SettingsError> {
        let settings = S::default();
        Ok(Self { keys: S::keys(), table: Table::try_from(&settings)?, settings })
    }

    fn read_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let table: Table = toml::from_str(&text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            reason: syntax_error(&text, &error),
        })?;
        self.set_table(&[], table, &Origin::File(path.to_owned()))
    }

    fn read_environment(
        &mut self,
        app: &AppInfo,
        variables: &[(String, String)],
    ) -> Result<(), SettingsError> {
        let prefix = format!("{}__", app.env_prefix);
        let mut ours: Vec<_> = variables
            .iter()
            .filter_map(|(name, text)| Some((name.strip_prefix(&prefix)?, name, text)))
            .collect();
        ours.sort_unstable();
        for (key, name, text) in ours {
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            self.set_text(&path, text, &Origin::Environment(name.clone()))?;
        }
        Ok(())
    }

    /// Sets every value of a table that stands at `path`.
    fn set_table(&mut self, path: &[String], table: Table, origin: &Origin) -> Result<(), SettingsError> {
        for (name, value) in table {
            let path = [path, &[name]].concat();
            match (find(&self.keys, &path), value) {
                (Found::Section, Value::Table(table)) => self.set_table(&path, table, origin)?,
                (_, value) => self.set(&path, &value, origin)?,
            }
        }
        Ok(())
    }

    fn set_text(&mut self, path: &[String], text: &str, origin: &Origin) -> Result<(), SettingsError> {
        let current = get(&self.table, path);
        let value = parse(current, text);
        self.set(path, &value, origin)
    }

    /// Sets one value and reads everything again: the settings were sound before, so an error is this value's.
    fn set(&mut self, path: &[String], value: &Value, origin: &Origin) -> Result<(), SettingsError> {
        let masked = is_masked(&self.keys, path);
        let unusable = |reason: &str| SettingsError::Value {
            key: path.join("."),
            value: if masked { secret::masked("set") } else { value.to_string() },
            origin: origin.clone(),
            reason: if masked { "it is not of the setting's type".to_owned() } else { reason.to_owned() },
        };
        match find(&self.keys, path) {
            Found::Unknown => return Err(unknown(path, origin)),
            Found::Section => return Err(unusable("it is a section, set the keys in it")),
            Found::Key(depth) if !is_table_or_leaf(&self.table, path, depth) => {
                return Err(unknown(path, origin));
            }
            Found::Key(_) => {}
        }
        let mut table = self.table.clone();
        insert(&mut table, path, value.clone());
        self.settings = S::deserialize(table.clone()).map_err(|error| unusable(error.message()))?;
        self.table = table;
        Ok(())
    }
}

fn unknown(path: &[String], origin: &Origin) -> SettingsError {
    SettingsError::Unknown { key: path.join("."), origin: origin.clone() }
}

/// What is wrong and where. The error's own text repeats the line, which may hold a password.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let Some(before) = before else {
        return error.message().to_owned();
    };
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
    format!("{}, at line {line}, column {column}", error.message())
}

/// A path that goes on past its key needs a setting that is a table itself.
fn is_table_or_leaf(table: &Table, path: &[String], depth: usize) -> bool {
    depth == path.len() || get(table, &path[..depth]).is_some_and(Value::is_table)
}

fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (last, sections) = path.split_last()?;
    let mut table = table;
    for section in sections {
        table = table.get(section)?.as_table()?;
    }
    table.get(last)
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [section, rest @ ..] => {
            let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Reads text as the kind of value that stands there: a string as it is, anything else as TOML.
fn parse(current: Option<&Value>, text: &str) -> Value {
    let as_string = || Value::String(text.to_owned());
    if matches!(current, Some(Value::String(_))) {
        return as_string();
    }
    let line = toml::from_str::<Table>(&format!("value = {text}"));
    match line {
        // More than one key: the text broke out of its line.
        Ok(mut table) if table.len() == 1 => table.remove("value").unwrap_or_else(as_string),
        _ => as_string(),
    }
}
