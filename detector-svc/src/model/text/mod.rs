//! Queries of open-vocabulary models: from words to the token identifiers that a graph takes.

mod clip;
mod coco;
mod error;
mod phrases;

use std::{collections::HashSet, fmt, sync::Arc};

use tokenizers::{Encoding, Tokenizer};

pub use self::error::{TokenizerError, VocabularyError};
use super::{GraphInfo, Prompt, SideInputKind, Vocabulary};

/// Most queries of a vocabulary.
const MAX_LABELS: usize = 1000;
/// Most bytes of a query, more than any model takes, so that no tokenizer has to look at them.
const MAX_LABEL_BYTES: usize = 1024;
/// Tokens of a text of CLIP in OWL models, unless the model says otherwise.
const ROW_TOKENS: usize = 16;
/// Most tokens of all queries of Grounding DINO.
const TEXT_TOKENS: usize = 256;
/// What rows are padded with in OWL models, and texts in BERT.
const PADDING: i64 = 0;

/// How a family of models takes its queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryLayout {
    /// Each as a text of its own, in CLIP's tokens.
    Rows,
    /// All in one text, in BERT's tokens.
    OneText,
}

/// Makes a model's text inputs of queries.
#[derive(Clone)]
pub(crate) struct Queries {
    layout: QueryLayout,
    tokenizer: Arc<Tokenizer>,
    /// Most tokens of a text.
    most: usize,
    /// Tokens that every text has, padding included; `None` when it has as many as it needs.
    columns: Option<usize>,
    /// Queries that every run takes; `None` when it takes any number.
    exactly: Option<usize>,
}

impl Queries {
    /// Queries for a graph that takes `images` in every run, or any number.
    ///
    /// # Errors
    /// The tokenizer is missing or cannot be used.
    pub(super) fn new(
        layout: QueryLayout,
        graph: &GraphInfo,
        images: Option<usize>,
        most: Option<usize>,
        tokenizer: Option<&[u8]>,
    ) -> Result<Self, TokenizerError> {
        let mut ports = graph.inputs.iter();
        let ids = ports.find(|port| SideInputKind::of(&port.name) == Some(SideInputKind::TokenIds));
        let side = |axis: usize| ids.and_then(|port| port.dimensions.get(axis).copied().flatten());
        let (usual, exactly) = match layout {
            QueryLayout::Rows => (ROW_TOKENS, side(0).map(|rows| rows / images.unwrap_or(1).max(1))),
            QueryLayout::OneText => (TEXT_TOKENS, None),
        };
        let most = match layout {
            QueryLayout::Rows => side(1).or(most).unwrap_or(usual),
            QueryLayout::OneText => side(1).or(most).unwrap_or(usual).min(usual),
        };
        let columns = match layout {
            QueryLayout::Rows => Some(most),
            QueryLayout::OneText => side(1),
        };
        Ok(Self { layout, tokenizer: Arc::new(read(tokenizer, layout)?), most, columns, exactly })
    }

    /// What COCO calls its classes: what is looked for when nobody has said what.
    pub(super) fn usual() -> Vec<String> {
        coco::COCO.map(str::to_owned).to_vec()
    }

    /// A vocabulary with a query for each label.
    ///
    /// # Errors
    /// The labels cannot be this model's queries.
    pub(super) fn vocabulary(&self, labels: &[String]) -> Result<Vocabulary, VocabularyError> {
        check(labels, self.exactly)?;
        let prompt = match self.layout {
            QueryLayout::Rows => self.rows(labels)?,
            QueryLayout::OneText => self.one_text(labels)?,
        };
        Ok(Vocabulary { labels: labels.to_vec().into(), prompt: Some(prompt) })
    }

    fn rows(&self, labels: &[String]) -> Result<Prompt, VocabularyError> {
        let columns = self.columns.unwrap_or(self.most);
        let mut prompt = Prompt { rows: labels.len(), columns, ..Prompt::default() };
        for label in labels {
            let encoding = self.encode(label, label)?;
            let (tokens, max) = (encoding.len(), self.most);
            if tokens > max {
                return Err(VocabularyError::TooManyTokens { label: label.clone(), tokens, max });
            }
            add_row(&mut prompt, &encoding);
        }
        Ok(prompt)
    }

    fn one_text(&self, labels: &[String]) -> Result<Prompt, VocabularyError> {
        if let Some(label) = labels.iter().find(|label| label.contains(phrases::FULL_STOP)) {
            return Err(VocabularyError::FullStop(label.clone()));
        }
        let (text, places) = phrases::joined(labels);
        let encoding = self.encode(&text, &text)?;
        let (labels_given, tokens, max) = (labels.len(), encoding.len(), self.most);
        if tokens > max {
            return Err(VocabularyError::TooManyTokensTogether { labels: labels_given, tokens, max });
        }
        let spans = phrases::spans(labels, &places, &encoding)?;
        let columns = self.columns.unwrap_or(tokens);
        let mut prompt = Prompt { rows: 1, columns, spans, ..Prompt::default() };
        add_row(&mut prompt, &encoding);
        Ok(prompt)
    }

    fn encode(&self, label: &str, text: &str) -> Result<Encoding, VocabularyError> {
        self.tokenizer.encode(text, true).map_err(|error| VocabularyError::Tokenizer {
            label: label.to_owned(),
            reason: error.to_string(),
        })
    }
}

/// Adds a text to a prompt that has a column for each of its tokens.
fn add_row(prompt: &mut Prompt, encoding: &Encoding) {
    let padding = prompt.columns - encoding.len();
    prompt.ids.extend(encoding.get_ids().iter().map(|id| i64::from(*id)).chain(vec![PADDING; padding]));
    prompt.attention.extend(vec![1; encoding.len()].into_iter().chain(vec![0; padding]));
}

fn check(labels: &[String], exactly: Option<usize>) -> Result<(), VocabularyError> {
    let max = MAX_LABELS;
    match (labels.len(), exactly) {
        (0, _) => return Err(VocabularyError::None { max }),
        (labels, _) if labels > max => return Err(VocabularyError::TooMany { labels, max }),
        (labels, Some(queries)) if labels != queries => {
            return Err(VocabularyError::Fixed { labels, queries });
        }
        _ => {}
    }
    let mut seen = HashSet::new();
    for (label, number) in labels.iter().zip(1..) {
        if label.trim().is_empty() {
            return Err(VocabularyError::Empty { number });
        }
        if label.len() > MAX_LABEL_BYTES {
            let (bytes, max) = (label.len(), MAX_LABEL_BYTES);
            return Err(VocabularyError::TooLong { label: label.chars().take(40).collect(), bytes, max });
        }
        if !seen.insert(label) {
            return Err(VocabularyError::Duplicate(label.clone()));
        }
    }
    Ok(())
}

/// The tokenizer of a file, or else the one that the layout's models have in common.
fn read(file: Option<&[u8]>, layout: QueryLayout) -> Result<Tokenizer, TokenizerError> {
    let malformed = |error: tokenizers::Error| TokenizerError::Malformed(error.to_string());
    let mut tokenizer = match (file, layout) {
        (Some(file), _) => Tokenizer::from_bytes(file).map_err(malformed)?,
        (None, QueryLayout::Rows) => clip::tokenizer().map_err(malformed)?,
        (None, QueryLayout::OneText) => return Err(TokenizerError::Missing),
    };
    // A query is asked whole or not at all, and padded here.
    tokenizer.with_truncation(None).map_err(malformed)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

impl PartialEq for Queries {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tokenizer, &other.tokenizer)
            && (self.layout, self.most, self.columns, self.exactly)
                == (other.layout, other.most, other.columns, other.exactly)
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, most, columns, exactly, .. } = self;
        let mut shown = f.debug_struct("Queries");
        shown.field("layout", layout).field("most", most).field("columns", columns).field("exactly", exactly);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
