//! Why a model is not loaded, or does not run.

use std::path::PathBuf;

use super::{ProviderError, RuntimeError, SegmentError};
use crate::{model::ModelError, segment::SegmenterError};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// ONNX Runtime is not there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model file cannot be read.
    #[error("file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no graph that ONNX Runtime takes.
    #[error("model {name} cannot be loaded, an ONNX file was expected: {source}")]
    Graph {
        /// The model.
        name: String,
        /// What ONNX Runtime says.
        source: ort::Error,
    },
    /// An execution provider is missing.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The graph is not a detector that we know.
    #[error("model {name}: {source}")]
    Model {
        /// The model.
        name: String,
        /// Why.
        source: ModelError,
    },
    /// The model does not run.
    #[error("model {name} failed its warm-up: {source}")]
    WarmUp {
        /// The model.
        name: String,
        /// Why.
        source: InferenceError,
    },
    /// The segmenter cannot be used.
    #[error("segmenter {}: {source}", path.display())]
    Segmenter {
        /// Its file or folder.
        path: PathBuf,
        /// Why not.
        source: SegmenterError,
    },
    /// The segmenter does not run.
    #[error("segmenter {} failed its warm-up: {source}", path.display())]
    SegmenterWarmUp {
        /// Its file or folder.
        path: PathBuf,
        /// Why.
        source: SegmentError,
    },
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// What ONNX Runtime says.
    #[error(transparent)]
    Runtime(#[from] ort::Error),
    /// The model was replaced, and its sessions are gone.
    #[error("the model has no session any more")]
    NoSession,
}
