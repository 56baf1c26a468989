//! From decoded pixels to one slot of the model's input tensor: resize, letterbox, normalise, planar layout.

mod letterbox;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image as Target, ImageRef},
};
use thiserror::Error;

pub use letterbox::{Letterbox, ResizeMode};

use crate::image::{CHANNELS, ColorOrder, Image};

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

/// An image at the size that it has within the model's input: a third of the memory of the tensor it becomes.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Interleaved pixels of [`Letterbox::scaled_size`], in the channel order of the model.
    pixels: Vec<u8>,
    letterbox: Letterbox,
}

impl Fitted {
    /// Where the image lies within the input, and how boxes map back.
    #[must_use]
    pub fn letterbox(&self) -> &Letterbox {
        &self.letterbox
    }
}

/// Resizes images for one model; one for each thread, since it keeps scratch memory from image to image.
pub struct Fitter {
    mode: ResizeMode,
    input: (u32, u32),
    resizer: Resizer,
}

impl Fitter {
    /// Fits images into the input that `spec` describes.
    #[must_use]
    pub fn new(spec: &InputSpec) -> Self {
        Self { mode: spec.resize, input: (spec.width, spec.height), resizer: Resizer::new() }
    }

    /// Resizes an image to the size that it has within the input; one of that size passes as it is.
    ///
    /// # Errors
    /// [`PreprocessError`] when the image's buffer does not match its size.
    pub fn fit(&mut self, image: Image) -> Result<Fitted, PreprocessError> {
        let letterbox = Letterbox::new(self.mode, (image.width, image.height), self.input);
        if letterbox.is_unscaled() {
            return Ok(Fitted { pixels: image.pixels, letterbox });
        }
        let (width, height) = (image.width, image.height);
        let failed = |detail| PreprocessError { width, height, detail };
        let pixels = self.resize(&image, letterbox.scaled_size()).map_err(failed)?;
        Ok(Fitted { pixels, letterbox })
    }

    /// Bilinear without antialiasing: what the detectors' own training pipelines (OpenCV `INTER_LINEAR`) use.
    fn resize(&mut self, image: &Image, (width, height): (u32, u32)) -> Result<Vec<u8>, String> {
        let source =
            ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x3).map_err(text)?;
        let mut target = Target::new(width, height, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
        self.resizer.resize(&source, &mut target, &options).map_err(text)?;
        Ok(target.into_vec())
    }
}

/// Turns fitted images into slots of a model's input tensor.
#[derive(Clone, Debug)]
pub struct Normaliser {
    spec: InputSpec,
    /// Normalised value of every possible byte, channel by channel.
    values: [[f32; 256]; CHANNELS],
}

impl Normaliser {
    /// Normalises as `spec` says.
    #[must_use]
    pub fn new(spec: InputSpec) -> Self {
        let values =
            std::array::from_fn(|c| std::array::from_fn(|value| (value as f32 - spec.mean[c]) / spec.std[c]));
        Self { spec, values }
    }

    /// Values of one slot.
    #[must_use]
    pub fn slot_len(&self) -> usize {
        self.spec.len()
    }

    /// Writes an image into its slot, planar `[3, height, width]`, with padding beside it.
    ///
    /// # Panics
    /// When `slot` is not [`Normaliser::slot_len`] long.
    pub fn write(&self, image: &Fitted, slot: &mut [f32]) {
        fill(&self.values, &self.spec, &image.pixels, &image.letterbox, slot);
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Normalises interleaved pixels into the planes of `slot` and pads the rest.
fn fill(
    normalised: &[[f32; 256]; CHANNELS],
    spec: &InputSpec,
    pixels: &[u8],
    letterbox: &Letterbox,
    slot: &mut [f32],
) {
    assert_eq!(slot.len(), spec.len(), "slot of another size than the input");
    let (width, height) = letterbox.scaled_size();
    let (left, top) = letterbox.offset();
    let (row_length, width) = (spec.width as usize, width as usize);
    for (channel, plane) in slot.chunks_exact_mut(row_length * spec.height as usize).enumerate() {
        let values = &normalised[channel];
        let padding = values[usize::from(spec.padding)];
        let first = top as usize * row_length;
        let (above, rest) = plane.split_at_mut(first);
        let (inside, below) = rest.split_at_mut(height as usize * row_length);
        above.fill(padding);
        below.fill(padding);
        for (row, source) in inside.chunks_exact_mut(row_length).zip(pixels.chunks_exact(width * CHANNELS)) {
            let (before, rest) = row.split_at_mut(left as usize);
            let (inside, after) = rest.split_at_mut(width);
            before.fill(padding);
            after.fill(padding);
            for (value, pixel) in inside.iter_mut().zip(source.chunks_exact(CHANNELS)) {
                *value = values[usize::from(pixel[channel])];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn spec(width: u32, height: u32, resize: ResizeMode) -> InputSpec {
        InputSpec {
            name: "images".into(),
            width,
            height,
            color: ColorOrder::Bgr,
            mean: [10.0, 20.0, 30.0],
            std: [2.0, 4.0, 8.0],
            padding: 114,
            resize,
        }
    }

    fn run(spec: InputSpec, image: Image, slot: &mut [f32]) {
        let fitted = Fitter::new(&spec).fit(image).unwrap();
        Normaliser::new(spec).write(&fitted, slot);
    }

    fn plain(width: u32, height: u32, color: [u8; 3]) -> Image {
        Image { width, height, pixels: color.repeat((width * height) as usize) }
    }

    #[test]
    fn pixels_are_normalised_channel_by_channel_and_the_rest_is_padding() {
        let spec = spec(8, 8, ResizeMode::LetterboxTopLeft);
        let mut slot = vec![f32::NAN; spec.len()];
        run(spec, plain(16, 8, [50, 60, 70]), &mut slot);
        for (channel, expected) in
            [(50.0 - 10.0) / 2.0, (60.0 - 20.0) / 4.0, (70.0 - 30.0) / 8.0].iter().enumerate()
        {
            let plane = &slot[channel * 64..(channel + 1) * 64];
            assert!(plane[..32].iter().all(|v| (v - expected).abs() < 1e-5), "image rows of plane {channel}");
            let padding = (114.0 - [10.0, 20.0, 30.0][channel]) / [2.0, 4.0, 8.0][channel];
            assert!(plane[32..].iter().all(|v| (v - padding).abs() < 1e-5), "padding of plane {channel}");
        }
    }

    #[test]
    fn an_image_of_the_inputs_size_keeps_every_pixel() {
        let spec = spec(3, 2, ResizeMode::LetterboxTopLeft);
        let image = Image { width: 3, height: 2, pixels: (0..18).collect() };
        let mut slot = vec![0.0; spec.len()];
        run(spec, image, &mut slot);
        let first_plane: Vec<f32> = (0..6).map(|i| (i as f32 * 3.0 - 10.0) / 2.0).collect();
        assert_eq!(&slot[..6], first_plane.as_slice());
    }

    #[test]
    fn a_centred_letterbox_pads_on_both_sides() {
        let spec = spec(8, 8, ResizeMode::LetterboxCentre);
        let mut slot = vec![f32::NAN; spec.len()];
        run(spec, plain(8, 4, [0; 3]), &mut slot);
        let rows: Vec<bool> = slot[..64].chunks(8).map(|row| row[0] > 0.0).collect();
        assert_eq!(rows, [true, true, false, false, false, false, true, true]);
        assert!(slot.iter().all(|v| v.is_finite()));
    }
}
