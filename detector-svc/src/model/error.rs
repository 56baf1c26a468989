//! Why a graph is not a model that we serve, or its outputs cannot be read.

use thiserror::Error;

use super::{DescriptionError, TokenizerError, VocabularyError};

/// Why a graph's outputs could not be read.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The graph did not return an output that the family needs.
    #[error("the model returned no output `{0}`")]
    Missing(String),
    /// An output has other dimensions than the family's.
    #[error("output `{name}` has shape {shape:?}, expected {expected}")]
    Shape {
        /// Name of the output.
        name: String,
        /// Its dimensions.
        shape: Vec<usize>,
        /// What the family calls for.
        expected: String,
    },
    /// An output names a class that there is no label for.
    #[error("output `{name}` holds class {class}, but there are only {labels} labels")]
    Class {
        /// Name of the output.
        name: String,
        /// The class, counted from 0.
        class: f32,
        /// How many labels there are.
        labels: usize,
    },
    /// A box or a score is infinite.
    #[error("a box or a score is infinite")]
    Infinite,
    /// An output holds values that are no numbers.
    #[error("output `{0}` holds values that are no numbers")]
    NotANumber(String),
}

/// Why a graph is not a model that can be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such family.
    #[error("there is no family {name:?}, only `auto` and {known:?}")]
    UnknownFamily {
        /// Name asked for.
        name: String,
        /// Names of the families.
        known: Vec<&'static str>,
    },
    /// The inputs and outputs are not those of the family.
    #[error("not a detector of {family}: the graph has {graph}; expected {expected}")]
    Unrecognised {
        /// The family asked for, or that any would do.
        family: String,
        /// Inputs and outputs of the graph.
        graph: String,
        /// What the families have.
        expected: String,
    },
    /// The outputs are those of two families.
    #[error(
        "its outputs are those of DETR and of RT-DETR: nothing tells whether the last of {} logits is that there is no \
         object{}; set `model.family`, or `family` in model.toml, to `detr` if so (softmax), else to `rt_detr` (sigmoid)",
        number(*columns),
        labels.map(|labels| format!(", and {labels} labels are known")).unwrap_or_default()
    )]
    Ambiguous {
        /// Logits of a query, when the graph tells.
        columns: Option<usize>,
        /// Class names that are known.
        labels: Option<usize>,
    },
    /// What is said of the model contradicts itself or the graph.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// It cannot be asked in words.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// It cannot be asked for the labels given.
    #[error("labels: {0}")]
    Vocabulary(#[from] VocabularyError),
    /// The graph has inputs that no family fills.
    #[error("nothing is known to be given to its inputs {inputs}")]
    UnknownInputs {
        /// The inputs.
        inputs: String,
    },
    /// The graph takes more images in every run than a batch may have.
    #[error("it takes {fixed} images in every run: at most {max} are allowed, export it with an open batch")]
    FixedBatch {
        /// Images in every run.
        fixed: usize,
        /// Most images in a run.
        max: usize,
    },
    /// The input is empty or larger than a detector's ever is.
    #[error("its input is {width}x{height} pixels: sides must be 1 to {max} pixels")]
    InputSize {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Most pixels along a side.
        max: usize,
    },
    /// The largest batch would take too much memory.
    #[error("a batch of {max_batch} takes {bytes} bytes, at most {max} are allowed: lower batch.max_size")]
    BatchBytes {
        /// Most images in one run.
        max_batch: usize,
        /// Bytes of the input tensor.
        bytes: u64,
        /// Most bytes of it.
        max: u64,
    },
    /// There are more classes than a detector's.
    #[error("it scores {classes} classes, at most {max} are allowed")]
    Classes {
        /// Classes that the graph scores.
        classes: usize,
        /// Most classes.
        max: usize,
    },
    /// The number of class names is not the number of classes.
    #[error("the model has {classes} classes, but {labels} labels are given")]
    Labels {
        /// Classes that the graph scores.
        classes: usize,
        /// Names given.
        labels: usize,
    },
}

fn number(count: Option<usize>) -> String {
    count.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string())
}
