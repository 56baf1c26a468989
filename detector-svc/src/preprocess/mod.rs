//! From decoded pixels to one slot of the model's input tensor: resize, pad, normalise, planar or interleaved layout.

mod bilinear;
mod edges;
mod fit;
mod letterbox;
mod normalise;
mod smooth;
mod spec;
mod tensor;

use thiserror::Error;

pub use edges::{Edges, Rounding};
pub use fit::{Fitted, Fitter};
pub use letterbox::{Letterbox, ResizeMode};
pub use normalise::Normaliser;
pub use spec::{Filter, InputSpec, Layout};
pub use tensor::{Element, SlotMut, Tensor};

/// Why an image could not be made into an input.
#[derive(Debug, Error)]
#[error("resizing {width}x{height} pixels: {detail}")]
pub struct PreprocessError {
    width: u32,
    height: u32,
    detail: String,
}

#[cfg(test)]
mod tests;
