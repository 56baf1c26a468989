//! What ONNX files say that ONNX Runtime does not pass on: which operators there are, and what depends on text.

mod file;
#[cfg(test)]
pub(crate) mod fixture;
mod node;
mod operators;
mod split;
mod wire;

pub use self::{
    operators::operators,
    split::{Boundary, Split},
    wire::Malformed,
};
