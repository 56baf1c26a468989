//! `config.json` of Hugging Face's `transformers`: which architecture, what its classes are called, how
//! much text it reads.

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
    text_config: Option<TextConfig>,
}

/// Of the part that reads text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextConfig {
    max_position_embeddings: Option<usize>,
}

pub(super) fn parse(text: &str) -> Result<Description, DescriptionError> {
    let malformed =
        |error: serde_json::Error| DescriptionError::Malformed { place: PLACE, reason: error.to_string() };
    let File { model_type, id2label, text_config } = serde_json::from_str(text).map_err(malformed)?;
    let text_tokens = text_config.and_then(|text| text.max_position_embeddings);
    let names = id2label.as_ref().map(names);
    Ok(Description { model_type, names, text_tokens, ..Description::default() })
}

/// Names by identifier, `class_7` for one that has none: COCO leaves some out.
fn names(names: &BTreeMap<usize, String>) -> Vec<String> {
    /// More than any detector has; an identifier beyond it is a mistake.
    const MOST: usize = 65_536;
    let count = names.keys().next_back().map_or(0, |last| last.saturating_add(1).min(MOST));
    (0..count).map(|id| names.get(&id).cloned().unwrap_or_else(|| format!("class_{id}"))).collect()
}
