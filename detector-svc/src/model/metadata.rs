//! Metadata that exporters write into a model file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::image::ColorOrder;

/// Metadata that cannot be what it says.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// A value is not of the form the key calls for.
    #[error("`{key}` is `{value}`, expected {expected}")]
    Invalid {
        /// Key of the entry.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// An input size is in neither the graph nor the metadata.
    #[error("the graph leaves the input's size open and there is no `imgsz`")]
    NoInputSize,
}

/// The metadata we understand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata {
    /// Class names by identifier.
    pub(super) names: Option<Vec<String>>,
    /// Height and width of the input in pixels.
    pub(super) image_size: Option<[u32; 2]>,
    /// Channel order of the input.
    pub(super) color: Option<ColorOrder>,
    /// Mean of each channel.
    pub(super) mean: Option<[f32; 3]>,
    /// Standard deviation of each channel.
    pub(super) std: Option<[f32; 3]>,
}

impl Metadata {
    pub(super) fn parse(entries: &BTreeMap<String, String>) -> Result<Self, MetadataError> {
        let names: Option<BTreeMap<usize, String>> =
            json(entries, "names", "a JSON object of class identifier to name")?;
        let (mean, std) = (channels(entries, "mean")?, channels(entries, "std")?);
        if std.is_some_and(|s| s.iter().any(|v| *v <= 0.0)) {
            return Err(invalid(entries, "std", "three numbers above 0"));
        }
        Ok(Self {
            names: names.map(|names| in_order(entries, names)).transpose()?,
            image_size: json(entries, "imgsz", "[height, width]")?,
            color: color(entries)?,
            mean,
            std,
        })
    }
}

fn in_order(
    entries: &BTreeMap<String, String>,
    names: BTreeMap<usize, String>,
) -> Result<Vec<String>, MetadataError> {
    if names.keys().copied().eq(0..names.len()) {
        Ok(names.into_values().collect())
    } else {
        Err(invalid(entries, "names", "identifiers 0, 1, 2, … without a gap"))
    }
}

fn color(entries: &BTreeMap<String, String>) -> Result<Option<ColorOrder>, MetadataError> {
    match entries.get("color").map(|c| c.to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("bgr") => Ok(Some(ColorOrder::Bgr)),
        Some("rgb") => Ok(Some(ColorOrder::Rgb)),
        Some(_) => Err(invalid(entries, "color", "`bgr` or `rgb`")),
    }
}

/// One number for each channel; one that is too large for its type would come out infinite.
fn channels(
    entries: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<[f32; 3]>, MetadataError> {
    match json::<[f32; 3]>(entries, key, "three numbers")? {
        Some(values) if !values.iter().all(|value| value.is_finite()) => {
            Err(invalid(entries, key, "three finite numbers"))
        }
        values => Ok(values),
    }
}

fn json<T: DeserializeOwned>(
    entries: &BTreeMap<String, String>,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<T>, MetadataError> {
    let parse = |value: &String| serde_json::from_str(value).map_err(|_| invalid(entries, key, expected));
    entries.get(key).map(parse).transpose()
}

fn invalid(entries: &BTreeMap<String, String>, key: &'static str, expected: &'static str) -> MetadataError {
    MetadataError::Invalid { key, value: entries.get(key).cloned().unwrap_or_default(), expected }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parse(entries: &[(&str, &str)]) -> Result<Metadata, MetadataError> {
        Metadata::parse(&entries.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
    }

    #[test]
    fn names_come_in_the_order_of_their_identifiers() {
        let metadata = parse(&[(
            "names",
            r#"{"10":"k","2":"c","0":"a","1":"b","3":"d","4":"e","5":"f","6":"g","7":"h","8":"i","9":"j"}"#,
        )]);
        assert_eq!(metadata.unwrap().names.unwrap().concat(), "abcdefghijk");
    }

    #[test]
    fn contradictions_are_named() {
        for (key, value) in [
            ("names", r#"{"0":"a","2":"c"}"#),
            ("std", "[1,0,1]"),
            ("mean", "[1]"),
            ("mean", "[1,2,1e39]"),
            ("std", "[1e39,1,1]"),
            ("imgsz", "416"),
            ("color", "cmyk"),
        ] {
            let message = parse(&[(key, value)]).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains(value), "{message}");
        }
    }
}
