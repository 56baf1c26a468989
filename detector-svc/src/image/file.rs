//! PNG and WebP files.

use std::io::Cursor;

use image::{ImageDecoder, ImageError, codecs::png::PngDecoder, codecs::webp::WebPDecoder};

use super::{CHANNELS, ColorOrder, DecodeError, Image, Limits};

/// Bytes a pixel of the deepest format accepted: 16-bit RGBA.
const MAX_PIXEL_BYTES: u64 = 8;

/// The file formats read here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Png,
    Webp,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Webp => "WebP",
        }
    }

    fn malformed(self, error: &ImageError) -> DecodeError {
        DecodeError::Malformed { format: self.name(), detail: error.to_string() }
    }
}

/// Decodes a file of a known format; transparency is dropped and deep colour reduced to eight bits.
pub(super) fn decode(bytes: &[u8], format: Format, order: ColorOrder, limits: Limits) -> Result<Image, DecodeError> {
    let cursor = Cursor::new(bytes);
    match format {
        Format::Png => PngDecoder::new(cursor).map_err(|e| format.malformed(&e)).and_then(|d| read(d, format, limits)),
        Format::Webp => WebPDecoder::new(cursor).map_err(|e| format.malformed(&e)).and_then(|d| read(d, format, limits)),
    }
    .map(|image| reorder(image, order))
}

fn read(mut decoder: impl ImageDecoder, format: Format, limits: Limits) -> Result<Image, DecodeError> {
    let (width, height) = decoder.dimensions();
    limits.check(width.into(), height.into())?;
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(u64::from(limits.max_side) * u64::from(limits.max_side) * MAX_PIXEL_BYTES);
    decoder.set_limits(bounds).map_err(|e| format.malformed(&e))?;
    let pixels = image::DynamicImage::from_decoder(decoder).map_err(|e| format.malformed(&e))?.into_rgb8().into_raw();
    Ok(Image { width, height, pixels })
}

fn reorder(mut image: Image, order: ColorOrder) -> Image {
    if order == ColorOrder::Bgr {
        for pixel in image.pixels.chunks_exact_mut(CHANNELS) {
            pixel.swap(0, 2);
        }
    }
    image
}
