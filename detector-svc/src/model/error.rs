//! Why a graph is not a model that we serve, or its outputs cannot be read.

use thiserror::Error;

use super::MetadataError;

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
        known: &'static [&'static str],
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
    /// The metadata in the file contradicts itself or the graph.
    #[error("model metadata: {0}")]
    Metadata(#[from] MetadataError),
    /// The graph takes one image at a time, and more were to be given to it.
    #[error("its batch is fixed at 1: set batch.max_size = 1, it is {max_batch}")]
    OneImage {
        /// Most images in one run.
        max_batch: usize,
    },
    /// The graph takes so many images at a time and no fewer.
    #[error("its batch is fixed at {fixed}: export it with an open batch, or with a batch of 1")]
    FixedBatch {
        /// Images in every run.
        fixed: usize,
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
