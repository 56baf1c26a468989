//! Why queries cannot be asked.

use thiserror::Error;

/// Why a model cannot be asked at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The model needs a file that is not there.
    #[error(
        "it is asked in words and has no tokenizer: put the `tokenizer.json` that its framework saved with it into the \
         folder of the ONNX file"
    )]
    Missing,
    /// A tokenizer cannot be used.
    #[error("tokenizer.json: {0}")]
    Malformed(String),
}

/// Why labels cannot be a model's queries.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The model looks for what it was trained with.
    #[error("the model has classes of its own and cannot be asked for others")]
    Closed,
    /// There is nothing to look for.
    #[error("no label is given, 1 to {max} are allowed")]
    None {
        /// Most labels.
        max: usize,
    },
    /// There is too much to look for.
    #[error("{labels} labels are given, 1 to {max} are allowed")]
    TooMany {
        /// Labels given.
        labels: usize,
        /// Most labels.
        max: usize,
    },
    /// The graph was exported for another number of queries.
    #[error("{labels} labels are given, the model was exported for exactly {queries}")]
    Fixed {
        /// Labels given.
        labels: usize,
        /// Labels that every run takes.
        queries: usize,
    },
    /// A label says nothing.
    #[error("label {number} is empty")]
    Empty {
        /// Which, from 1 on.
        number: usize,
    },
    /// A label is longer than any query.
    #[error("over-long query {label:?}…: {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// How it begins.
        label: String,
        /// Its length in UTF-8.
        bytes: usize,
        /// Most bytes.
        max: usize,
    },
    /// A label becomes more tokens than the model takes.
    #[error("over-long query {label:?}: {tokens} tokens, the model takes at most {max}")]
    TooManyTokens {
        /// The label.
        label: String,
        /// Tokens that it becomes, with those that begin and end it.
        tokens: usize,
        /// Most tokens.
        max: usize,
    },
    /// The labels together become more tokens than the model takes.
    #[error("the {labels} labels together are {tokens} tokens, the model takes at most {max}")]
    TooManyTokensTogether {
        /// Labels given.
        labels: usize,
        /// Tokens that they become.
        tokens: usize,
        /// Most tokens.
        max: usize,
    },
    /// Two labels are the same.
    #[error("label {0:?} is given twice")]
    Duplicate(String),
    /// A label has the sign that ends a query.
    #[error("label {0:?} has a full stop, which ends a query of this model")]
    FullStop(String),
    /// The tokenizer leaves nothing of a label.
    #[error("label {0:?} has nothing that the model's tokenizer knows")]
    NoToken(String),
    /// The tokenizer fails.
    #[error("label {label:?} cannot be made into tokens: {reason}")]
    Tokenizer {
        /// The label.
        label: String,
        /// What the tokenizer says.
        reason: String,
    },
}
