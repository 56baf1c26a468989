//! `config.json` of Hugging Face's `transformers`: which architecture, and what its classes are called.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Description, DescriptionError};

const PLACE: &str = "config.json";

/// The entries that we understand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    model_type: Option<String>,
    id2label: Option<BTreeMap<usize, String>>,
}

pub(super) fn parse(text: &str) -> Result<Description, DescriptionError> {
    let malformed =
        |error: serde_json::Error| DescriptionError::Malformed { place: PLACE, reason: error.to_string() };
    let File { model_type, id2label } = serde_json::from_str(text).map_err(malformed)?;
    Ok(Description { model_type, names: id2label.as_ref().map(names), ..Description::default() })
}

/// Names by identifier, `class_7` for one that has none: COCO leaves some out.
fn names(names: &BTreeMap<usize, String>) -> Vec<String> {
    /// More than any detector has; an identifier beyond it is a mistake.
    const MOST: usize = 65_536;
    let count = names.keys().next_back().map_or(0, |last| last.saturating_add(1).min(MOST));
    (0..count).map(|id| names.get(&id).cloned().unwrap_or_else(|| format!("class_{id}"))).collect()
}
