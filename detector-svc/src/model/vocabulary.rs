//! What a model is to look for in an image.

use std::ops::Range;

use super::Labels;

/// What an image is searched for: the classes of a model, or the queries that an open-vocabulary model is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    /// A name for each class or query.
    pub labels: Labels,
    /// The queries as the model's text inputs take them; `None` for a model without such inputs.
    pub prompt: Option<Prompt>,
}

/// Text as token identifiers, row-major.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Rows: one for each query, or one for all.
    pub rows: usize,
    /// Tokens a row, padding included.
    pub columns: usize,
    /// Token identifiers.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub attention: Vec<i64>,
    /// Which tokens of the only row are each query's; empty where each query has a row.
    pub spans: Vec<Range<usize>>,
}
