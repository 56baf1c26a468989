//! Resizing an image to the size that it has within the model's input.

use std::mem;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image as Target, ImageRef},
};

use super::{
    Filter, InputSpec, Letterbox, PreprocessError, ResizeMode, bilinear::Bilinear, smooth::Smoother,
};
use crate::{
    image::{CHANNELS, FASTEST_ORDER, Image},
    spare::Spare,
};

/// An image at the size that it has within the model's input: a quarter of the memory of the tensor it becomes.
/// Dropped, it gives that memory back.
#[derive(Debug)]
pub struct Fitted {
    /// Interleaved pixels, in the channel order of the model.
    pixels: Vec<u8>,
    /// Width and height of these: the image's within the input, or more, where padding beside it is blended in.
    size: (u32, u32),
    letterbox: Letterbox,
    spare: Spare<u8>,
}

impl Fitted {
    /// Where the image lies within the input, and how boxes map back.
    #[must_use]
    pub fn letterbox(&self) -> &Letterbox {
        &self.letterbox
    }

    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }
}

impl Drop for Fitted {
    fn drop(&mut self) {
        self.spare.give_back(mem::take(&mut self.pixels));
    }
}

/// Resizes images for one model; one for each thread, since it keeps scratch memory from image to image.
pub struct Fitter {
    mode: ResizeMode,
    input: (u32, u32),
    resizing: Resizing,
    /// Pixels beside the image, as its own are ordered.
    padding: [f32; CHANNELS],
    spare: Spare<u8>,
}

/// Who makes the pixels.
enum Resizing {
    Library(Box<Resizer>, ResizeAlg),
    Bilinear(Bilinear),
    Smooth(Smoother),
}

/// An image with padding on its right and below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// Pixels a row, those of the image among them.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
    /// Each channel of the padding, 0..=255 scale.
    pub(super) padding: [f32; CHANNELS],
}

impl Fitter {
    /// Fits images into the input that `spec` describes, in the memory of `spare`.
    #[must_use]
    pub fn new(spec: &InputSpec, spare: Spare<u8>) -> Self {
        let mut padding = spec.padding;
        if spec.color != FASTEST_ORDER {
            padding.reverse();
        }
        Self { mode: spec.resize, input: spec.size(), resizing: resizing(spec.filter), padding, spare }
    }

    /// Resizes an image to the size that it has within the input. One of that size already gives its pixels away
    /// rather than to have them copied, and is left empty, with memory to decode the next into.
    ///
    /// # Errors
    /// [`PreprocessError`] when the image is empty or its buffer does not match its size.
    pub fn fit(&mut self, image: &mut Image) -> Result<Fitted, PreprocessError> {
        let (width, height) = (image.width, image.height);
        let failed = |detail| PreprocessError { width, height, detail };
        check(image).map_err(failed)?;
        let letterbox = Letterbox::new(self.mode, (width, height), self.input);
        let (pixels, size) = (self.spare.take(), letterbox.scaled_size());
        let mut fitted = Fitted { pixels, size, letterbox, spare: self.spare.clone() };
        if letterbox.is_unscaled() {
            take_pixels(image, &mut fitted.pixels);
        } else if let Some(size) = self.smooth(image, &letterbox, &mut fitted.pixels) {
            fitted.size = size;
        } else {
            self.resize(image, size, &mut fitted.pixels).map_err(failed)?;
        }
        Ok(fitted)
    }

    /// Resizes an image that is to be smoothed; tells the size that it was given.
    fn smooth(&mut self, image: &Image, letterbox: &Letterbox, pixels: &mut Vec<u8>) -> Option<(u32, u32)> {
        let Resizing::Smooth(smoother) = &mut self.resizing else {
            return None;
        };
        // Padding that is resized with the image runs into it at its edge.
        let (width, height, size) = match self.mode {
            ResizeMode::SquarePad => {
                let side = image.width.max(image.height);
                (side, side, self.input)
            }
            _ => (image.width, image.height, letterbox.scaled_size()),
        };
        smoother.resize(image, Canvas { width, height, padding: self.padding }, size, pixels);
        Some(size)
    }

    fn resize(
        &mut self,
        image: &Image,
        (width, height): (u32, u32),
        pixels: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (resizer, algorithm) = match &mut self.resizing {
            Resizing::Library(resizer, algorithm) => (resizer, *algorithm),
            Resizing::Bilinear(bilinear) => {
                bilinear.resize(image, (width, height), pixels);
                return Ok(());
            }
            // It makes the whole input, padding and all.
            Resizing::Smooth(_) => return Ok(()),
        };
        pixels.resize(width as usize * height as usize * CHANNELS, 0);
        let source =
            ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x3).map_err(text)?;
        let mut target = Target::from_slice_u8(width, height, pixels, PixelType::U8x3).map_err(text)?;
        let options = ResizeOptions::new().resize_alg(algorithm);
        resizer.resize(&source, &mut target, &options).map_err(text)
    }
}

/// Who makes the pixels of a filter: the library's convolution is Pillow's.
fn resizing(filter: Filter) -> Resizing {
    let algorithm = match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Bilinear => return Resizing::Bilinear(Bilinear::default()),
        Filter::BilinearAntialias => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::BicubicAntialias => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::LanczosAntialias => ResizeAlg::Convolution(FilterType::Lanczos3),
        Filter::GaussianBilinear => return Resizing::Smooth(Smoother::default()),
    };
    Resizing::Library(Box::new(Resizer::new()), algorithm)
}

/// Refuses an image that is empty or not of its size.
fn check(image: &Image) -> Result<(), String> {
    let expected = (image.width as usize).saturating_mul(image.height as usize).saturating_mul(CHANNELS);
    match (expected, image.pixels.len()) {
        (0, _) => Err("the image is empty".to_owned()),
        (expected, actual) if actual != expected => {
            Err(format!("its buffer has {actual} bytes, expected {expected}"))
        }
        _ => Ok(()),
    }
}

/// Takes an image's pixels and leaves `buffer` for them; copies them instead when their buffer, which was made for a
/// larger image, is not worth keeping for them.
fn take_pixels(image: &mut Image, buffer: &mut Vec<u8>) {
    if image.pixels.capacity() / 2 > image.pixels.len() {
        buffer.clear();
        buffer.extend_from_slice(&image.pixels);
    } else {
        mem::swap(&mut image.pixels, buffer);
    }
    (image.width, image.height) = (0, 0);
    image.pixels.clear();
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
