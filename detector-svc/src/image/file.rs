//! PNG and WebP files.

use std::io::Cursor;

use image::{ImageDecoder, ImageError, codecs::png::PngDecoder, codecs::webp::WebPDecoder};

use super::{CHANNELS, ColorOrder, DecodeError, Image, Limits};
use crate::frame::FileFormat;

/// Bytes a pixel of the deepest format accepted: 16-bit RGBA.
const MAX_PIXEL_BYTES: u64 = 8;

/// Decodes a file of a known format; transparency is dropped and deep colour reduced to eight bits.
pub(super) fn decode(
    bytes: &[u8],
    format: FileFormat,
    order: ColorOrder,
    limits: Limits,
) -> Result<Image, DecodeError> {
    let decoded = match format {
        FileFormat::Webp => read(WebPDecoder::new(Cursor::new(bytes)), limits),
        _ => read(PngDecoder::new(Cursor::new(bytes)), limits),
    };
    decoded.map(|image| reorder(image, order)).map_err(|error| error.of(format))
}

/// Width and height of a file of a known format.
pub(super) fn size(bytes: &[u8], format: FileFormat) -> Result<(u32, u32), DecodeError> {
    let size = match format {
        FileFormat::Webp => WebPDecoder::new(Cursor::new(bytes)).map(|decoder| decoder.dimensions()),
        _ => PngDecoder::new(Cursor::new(bytes)).map(|decoder| decoder.dimensions()),
    };
    size.map_err(|error| ReadError::Malformed(error).of(format))
}

/// Why a file could not be read.
enum ReadError {
    Malformed(ImageError),
    Refused(DecodeError),
}

impl ReadError {
    fn of(self, format: FileFormat) -> DecodeError {
        match self {
            Self::Malformed(error) => {
                DecodeError::Malformed { format: format.as_str(), detail: error.to_string() }
            }
            Self::Refused(error) => error,
        }
    }
}

impl From<ImageError> for ReadError {
    fn from(error: ImageError) -> Self {
        Self::Malformed(error)
    }
}

fn read(decoder: Result<impl ImageDecoder, ImageError>, limits: Limits) -> Result<Image, ReadError> {
    let mut decoder = decoder?;
    let (width, height) = decoder.dimensions();
    limits.check(width.into(), height.into()).map_err(ReadError::Refused)?;
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(u64::from(limits.max_side) * u64::from(limits.max_side) * MAX_PIXEL_BYTES);
    decoder.set_limits(bounds)?;
    let pixels = image::DynamicImage::from_decoder(decoder)?.into_rgb8().into_raw();
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
