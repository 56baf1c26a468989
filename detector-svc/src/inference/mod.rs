//! Running a model: the ONNX Runtime library, its execution providers, and a session with its warm-up.

mod provider;
mod runtime;
mod session;

pub use self::{
    provider::{Provider, ProviderError},
    runtime::{Attempts, RuntimeError, runtime_version},
    session::{InferenceError, LoadError, LoadedModel, ModelSource, RunOutputs, RuntimeSettings, Session},
};
