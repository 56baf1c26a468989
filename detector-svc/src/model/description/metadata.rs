//! Metadata that exporters write into a model file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{Description, DescriptionError, divisors, python_names};
use crate::image::{CHANNELS, ColorOrder};

type Entries = BTreeMap<String, String>;

const PLACE: &str = "metadata";

/// What a model may be for.
const TASKS: [&str; 2] = ["detect", "segment"];

/// Reads the keys that we understand: `names`, `imgsz`, `color`, `mean`, `std`.
pub(super) fn parse(entries: &Entries) -> Result<Description, DescriptionError> {
    let (mean, std) = (channels(entries, "mean")?, channels(entries, "std")?);
    if std.is_some_and(|std| !divisors(std)) {
        return Err(invalid(entries, "std", "three numbers above 0"));
    }
    if let Some(task) = entries.get("task").filter(|task| !TASKS.contains(&task.as_str())) {
        return Err(DescriptionError::Invalid {
            place: PLACE,
            key: "task",
            value: task.clone(),
            expected: "`detect` or `segment`: models for other tasks are not served",
        });
    }
    Ok(Description {
        names: names(entries)?,
        image_size: image_size(entries)?,
        color: color(entries)?,
        mean,
        std,
        ..Description::default()
    })
}

/// Names by identifier: a JSON object or list, or a dictionary as Python writes it.
fn names(entries: &Entries) -> Result<Option<Vec<String>>, DescriptionError> {
    const KEY: &str = "names";
    let Some(text) = entries.get(KEY) else {
        return Ok(None);
    };
    if let Ok(list) = serde_json::from_str::<Vec<String>>(text) {
        return Ok(Some(list));
    }
    let json = serde_json::from_str::<BTreeMap<usize, String>>(text).ok();
    let names = json.or_else(|| python_names::parse(text)).ok_or_else(|| {
        invalid(entries, KEY, "class identifiers and names, or names alone, as JSON or as Python writes them")
    })?;
    if names.keys().copied().eq(0..names.len()) {
        Ok(Some(names.into_values().collect()))
    } else {
        Err(invalid(entries, KEY, "identifiers 0, 1, 2, … without a gap"))
    }
}

/// Height and width, or one number for both.
fn image_size(entries: &Entries) -> Result<Option<[u32; 2]>, DescriptionError> {
    const KEY: &str = "imgsz";
    match json::<u32>(entries, KEY, "") {
        Ok(Some(side)) => Ok(Some([side, side])),
        _ => json(entries, KEY, "[height, width]"),
    }
}

fn color(entries: &Entries) -> Result<Option<ColorOrder>, DescriptionError> {
    match entries.get("color").map(|color| color.to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("bgr") => Ok(Some(ColorOrder::Bgr)),
        Some("rgb") => Ok(Some(ColorOrder::Rgb)),
        Some(_) => Err(invalid(entries, "color", "`bgr` or `rgb`")),
    }
}

/// One number for each channel; one that is too large for its type would come out infinite.
fn channels(entries: &Entries, key: &'static str) -> Result<Option<[f32; CHANNELS]>, DescriptionError> {
    match json::<[f32; CHANNELS]>(entries, key, "three numbers")? {
        Some(values) if !values.iter().all(|value| value.is_finite()) => {
            Err(invalid(entries, key, "three finite numbers"))
        }
        values => Ok(values),
    }
}

fn json<T: DeserializeOwned>(
    entries: &Entries,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<T>, DescriptionError> {
    let parse = |value: &String| serde_json::from_str(value).map_err(|_| invalid(entries, key, expected));
    entries.get(key).map(parse).transpose()
}

fn invalid(entries: &Entries, key: &'static str, expected: &'static str) -> DescriptionError {
    let value = entries.get(key).cloned().unwrap_or_default();
    DescriptionError::Invalid { place: PLACE, key, value, expected }
}
