//! From decoded pixels to one slot of the model's input tensor: resize, letterbox, normalise, planar layout.

mod fit;
mod letterbox;
mod normalise;

use thiserror::Error;

pub use fit::{Fitted, Fitter};
pub use letterbox::{Letterbox, ResizeMode};
pub use normalise::Normaliser;

use crate::image::{CHANNELS, ColorOrder};

/// What a model wants its image input to look like.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Name of the graph input.
    pub name: String,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Order of the channel planes.
    pub color: ColorOrder,
    /// Subtracted from each channel, in that order; 0..=255 scale.
    pub mean: [f32; CHANNELS],
    /// Divides each channel after that.
    pub std: [f32; CHANNELS],
    /// Value of the pixels beside the image, before normalisation.
    pub padding: u8,
    /// How the image is fitted in.
    pub resize: ResizeMode,
}

impl InputSpec {
    /// Values of one image: `3 * height * width`.
    #[must_use]
    pub fn len(&self) -> usize {
        CHANNELS * self.width as usize * self.height as usize
    }

    /// Whether the input has no pixels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

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
