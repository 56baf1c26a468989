//! What a model wants its image input to look like.

use serde::{Deserialize, Serialize};

use super::{Element, ResizeMode};
use crate::image::{CHANNELS, ColorOrder};

/// Order of an input's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, 3, height, width]`: a plane for each channel.
    Planar,
    /// `[batch, height, width, 3]`: the channels of a pixel side by side.
    Interleaved,
}

/// How pixels are made when an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// Between the four nearest pixels, however much smaller the image becomes: OpenCV's `INTER_LINEAR`.
    Bilinear,
    /// Over all pixels that become one, as Pillow's `BILINEAR`.
    BilinearAntialias,
    /// Over all pixels that become one, as Pillow's `BICUBIC`.
    BicubicAntialias,
    /// Over all pixels that become one, as Pillow's `LANCZOS`.
    LanczosAntialias,
    /// Between the four nearest pixels of an image that was smoothed by as much as it becomes smaller: scikit-image's
    /// `resize` and OWLv2's image processor.
    GaussianBilinear,
}

/// What a model wants its image input to look like.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Name of the graph input.
    pub name: String,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Order of the channels.
    pub color: ColorOrder,
    /// Subtracted from each channel, in that order; 0..=255 scale.
    pub mean: [f32; CHANNELS],
    /// Divides each channel after that.
    pub std: [f32; CHANNELS],
    /// Value of each channel of the pixels beside the image, before normalisation; 0..=255 scale.
    pub padding: [f32; CHANNELS],
    /// How the image is fitted in.
    pub resize: ResizeMode,
    /// How its pixels are made.
    pub filter: Filter,
    /// Order of the dimensions.
    pub layout: Layout,
    /// Type of the values.
    pub element: Element,
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

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Dimensions of a tensor of so many images.
    #[must_use]
    pub fn shape(&self, images: usize) -> [usize; 4] {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.layout {
            Layout::Planar => [images, CHANNELS, height, width],
            Layout::Interleaved => [images, height, width, CHANNELS],
        }
    }
}
