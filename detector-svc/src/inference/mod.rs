//! Running a model: the ONNX Runtime library, its execution providers, and a session with its warm-up.

mod error;
mod graph;
mod provider;
mod runtime;
mod session;

pub use self::{
    error::{InferenceError, LoadError},
    provider::{Provider, ProviderError},
    runtime::{Attempts, RuntimeError, runtime_version},
    session::{LoadedModel, ModelSource, RunOutputs, RuntimeSettings, Session},
};
