//! Execution providers: which are asked for, and which one a session got.

use std::fmt;

use ort::{
    ep::{self, ExecutionProvider as _, ExecutionProviderDispatch},
    session::builder::SessionBuilder,
};
use serde::{Deserialize, Serialize};

/// What runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// The processor.
    Cpu,
}

impl Provider {
    /// Name in settings, metrics and `GetModel`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// Device it runs on: `cpu`, or `cuda:0` for the first GPU.
    #[must_use]
    pub fn device(self) -> &'static str {
        match self {
            Self::TensorRt | Self::Cuda => "cuda:0",
            Self::Cpu => "cpu",
        }
    }

    fn is_available(self) -> ort::Result<bool> {
        match self {
            Self::TensorRt => ep::TensorRT::is_available(),
            Self::Cuda => ep::CUDA::is_available(),
            Self::Cpu => Ok(true),
        }
    }

    fn dispatch(self) -> ExecutionProviderDispatch {
        match self {
            Self::TensorRt => ep::TensorRT::default().build(),
            Self::Cuda => ep::CUDA::default().build(),
            Self::Cpu => ep::CPU::default().with_arena_allocator(true).build(),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No provider asked for can be had.
#[derive(Debug, thiserror::Error)]
#[error("execution provider {provider} cannot be used and `cpu` is not listed after it: {reason}")]
pub struct ProviderError {
    provider: Provider,
    reason: String,
}

/// Registers providers in their order, so that each takes the parts of the graph that those before it leave.
/// Returns the first that could be registered: the one that runs the model.
///
/// ONNX Runtime falls back to the processor without a word; here that needs `cpu` in the list.
///
/// # Errors
/// A provider cannot be used, and `cpu` does not come after it.
pub(super) fn register(builder: &mut SessionBuilder, wanted: &[Provider]) -> Result<Provider, ProviderError> {
    let mut first = None;
    for (index, provider) in wanted.iter().copied().enumerate() {
        match try_register(builder, provider) {
            Ok(()) => {
                first.get_or_insert(provider);
            }
            Err(reason) if wanted[index..].contains(&Provider::Cpu) => {
                tracing::warn!(%provider, reason, "execution provider cannot be used: going on with the next");
            }
            Err(reason) => return Err(ProviderError { provider, reason }),
        }
    }
    Ok(first.unwrap_or(Provider::Cpu))
}

fn try_register(builder: &mut SessionBuilder, provider: Provider) -> Result<(), String> {
    match provider.is_available() {
        Ok(true) => provider.dispatch().register(builder).map_err(|error| error.to_string()),
        Ok(false) => Err("this ONNX Runtime library was built without it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
