//! Running a model: the ONNX Runtime library, its execution providers, a session with its warm-up, and segmenters.

mod error;
mod graph;
pub mod onnx;
mod outputs;
mod parts;
mod provider;
mod runtime;
mod segmenter;
mod session;
mod side_input;
mod sidecar;
mod text_part;

pub use self::{
    error::{InferenceError, LoadError},
    outputs::RunOutputs,
    provider::{Provider, ProviderError},
    runtime::{Attempts, RuntimeError, runtime_version},
    segmenter::{SegmentError, Segmenter, load_segmenter},
    session::{Inputs, LoadedModel, ModelSource, RuntimeSettings, Session},
    sidecar::Fingerprint,
};
