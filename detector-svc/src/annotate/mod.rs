//! Draws detections into a decoded image and makes a JPEG file of it.

mod canvas;
mod caption;
mod outline;
mod palette;

use embedded_graphics::prelude::*;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};
use thiserror::Error;

use self::{canvas::Canvas, caption::Caption, outline::Outline};
use crate::{
    detection::Detection,
    image::{CHANNELS, ColorOrder, Image},
    model::Labels,
};

/// Quality of the JPEG files, 1 to 100.
pub const QUALITY: u8 = 85;

/// Why an image did not become a JPEG file.
#[derive(Debug, Error)]
pub enum AnnotateError {
    /// A JPEG file has no room for such sides.
    #[error(
        "an image of {width}x{height} pixels does not fit into a JPEG file: sides must be 1 to 65535 pixels"
    )]
    Size {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The image's buffer is not of its size.
    #[error("an image of {width}x{height} pixels has a buffer of {actual} bytes")]
    Buffer {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes of the buffer.
        actual: usize,
    },
    /// The encoder failed.
    #[error("the JPEG encoder failed: {0}")]
    Encode(String),
}

/// Draws detections and encodes images; one for each thread, since it keeps scratch memory from image to image.
#[derive(Debug, Default)]
pub struct Annotator {
    caption: Caption,
    /// Bytes of the last file: the next one will have about as many.
    file_len: usize,
}

impl Annotator {
    /// One that has drawn nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws a box and a caption for each detection into an image whose pixels are in `order`. Lines and letters are
    /// scaled to the image, colours tell classes apart, or objects when they are tracked. The first detections lie
    /// on top. What is outside the image is cut off; a box without any area in the image, or one whose coordinates are
    /// no numbers, is left out.
    pub fn annotate(
        &mut self,
        image: &mut Image,
        order: ColorOrder,
        detections: &[Detection],
        labels: &Labels,
    ) {
        let mut canvas = Canvas::new(image, order);
        let size = canvas.bounding_box().size;
        let visible =
            || detections.iter().rev().filter_map(|d| Some((d, Outline::within(size, &d.bounding_box)?)));
        for (detection, outline) in visible() {
            outline.draw(&mut canvas, palette::color(detection));
        }
        // After every box, so that no line runs through a letter.
        for (detection, outline) in visible() {
            self.caption.write(detection, labels.name(detection.class_id));
            self.caption.draw(&mut canvas, outline.area(), palette::color(detection));
        }
    }

    /// Encodes an image whose pixels are in `order` as a JPEG file of [`QUALITY`].
    ///
    /// # Errors
    /// [`AnnotateError`] when the image is empty, longer along a side than a JPEG file can be, or not of its size.
    pub fn encode(&mut self, image: &Image, order: ColorOrder) -> Result<Vec<u8>, AnnotateError> {
        let (width, height) = sides(image)?;
        let colors = match order {
            ColorOrder::Rgb => ColorType::Rgb,
            ColorOrder::Bgr => ColorType::Bgr,
        };
        let mut file = Vec::with_capacity(self.file_len + self.file_len / 8);
        let mut encoder = Encoder::new(&mut file, QUALITY);
        // Else the colour of a thin line would depend on whether it begins at an even pixel.
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder
            .encode(&image.pixels, width, height, colors)
            .map_err(|error| AnnotateError::Encode(error.to_string()))?;
        self.file_len = file.len();
        Ok(file)
    }
}

/// Width and height of an image that can be encoded.
fn sides(image: &Image) -> Result<(u16, u16), AnnotateError> {
    let &Image { width, height, ref pixels } = image;
    let side = |pixels: u32| u16::try_from(pixels).ok().filter(|side| *side > 0);
    let (Some(columns), Some(rows)) = (side(width), side(height)) else {
        return Err(AnnotateError::Size { width, height });
    };
    if pixels.len() != usize::from(columns) * usize::from(rows) * CHANNELS {
        return Err(AnnotateError::Buffer { width, height, actual: pixels.len() });
    }
    Ok((columns, rows))
}

#[cfg(test)]
mod tests;
