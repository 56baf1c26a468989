//! Writes settings as a TOML file that says what each key means.

use std::fmt::Write;

use toml::{Table, Value};

use super::{KeyDoc, Settings, SettingsError};

/// The settings as commented TOML for people to read, secrets masked.
///
/// # Errors
/// A value cannot be written as TOML.
pub fn dump<S: Settings>(settings: &S) -> Result<String, SettingsError> {
    write(settings, &|key, value| match (key.mask(), value) {
        (Some(mask), Value::String(text)) => Value::String(mask(text)),
        _ => value.clone(),
    })
}

/// The settings as commented TOML, secrets and all; loading it as a file gives the same settings.
///
/// # Errors
/// A value cannot be written as TOML.
pub fn to_toml<S: Settings>(settings: &S) -> Result<String, SettingsError> {
    write(settings, &|_, value| value.clone())
}

/// What is written of a key's value.
type Show<'a> = &'a dyn Fn(&KeyDoc, &Value) -> Value;

fn write<S: Settings>(settings: &S, show: Show<'_>) -> Result<String, SettingsError> {
    let table = Table::try_from(settings)?;
    let mut out = String::new();
    write_section(&mut out, "", &S::keys(), &table, show);
    Ok(out)
}

/// Keys come first: after a header of an inner section they would belong to it.
fn write_section(out: &mut String, path: &str, keys: &[KeyDoc], table: &Table, show: Show<'_>) {
    let values = keys.iter().filter(|key| key.keys().is_none());
    for (index, key) in values.enumerate() {
        if index > 0 {
            out.push('\n');
        }
        write_comment(out, key);
        write_value(out, key.name(), table.get(key.name()).map(|value| show(key, value)));
    }
    for section in keys {
        let (Some(keys), Some(Value::Table(table))) = (section.keys(), table.get(section.name())) else {
            continue;
        };
        let path = match path {
            "" => section.name().to_owned(),
            outer => format!("{outer}.{}", section.name()),
        };
        if !out.is_empty() {
            out.push('\n');
        }
        write_comment(out, section);
        push_line(out, format_args!("[{path}]"));
        write_section(out, &path, keys, table, show);
    }
}

fn write_comment(out: &mut String, key: &KeyDoc) {
    for line in key.lines() {
        push_line(out, format_args!("{}", format!("# {line}").trim_end()));
    }
}

fn write_value(out: &mut String, name: &str, value: Option<Value>) {
    match value {
        Some(value) => push_line(out, format_args!("{name} = {value}")),
        None => push_line(out, format_args!("# {name} is not set")),
    }
}

fn push_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{line}");
}
