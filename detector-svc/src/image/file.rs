//! PNG and WebP files.

use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, codecs::png::PngDecoder, codecs::webp::WebPDecoder,
};

use super::{CHANNELS, ColorOrder, DecodeError, Limits, buffer, reorder};
use crate::frame::FileFormat;

/// Most bytes of what a PNG file holds besides its pixels.
const MAX_METADATA_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes a pixel with transparency.
const RGBA_CHANNELS: usize = 4;

/// Decodes a file of a known format; transparency is dropped and deep colour reduced to eight bits.
pub(super) fn decode(
    bytes: &[u8],
    format: FileFormat,
    order: ColorOrder,
    limits: Limits,
    pixels: &mut Vec<u8>,
) -> Result<(u32, u32), DecodeError> {
    let decoded = match format {
        FileFormat::Webp => read(WebPDecoder::new(Cursor::new(bytes)), limits, pixels),
        _ => read(png(bytes), limits, pixels),
    };
    let size = decoded.map_err(|error| error.of(format))?;
    reorder(pixels, order);
    Ok(size)
}

/// Width and height of a file of a known format.
pub(super) fn size(bytes: &[u8], format: FileFormat) -> Result<(u32, u32), DecodeError> {
    let size = match format {
        FileFormat::Webp => WebPDecoder::new(Cursor::new(bytes)).map(|decoder| decoder.dimensions()),
        _ => png(bytes).map(|decoder| decoder.dimensions()),
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

/// Opens a PNG file: the limit is on what accompanies the pixels, a compressed colour profile for one.
fn png(bytes: &[u8]) -> Result<PngDecoder<Cursor<&[u8]>>, ImageError> {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(MAX_METADATA_BYTES);
    PngDecoder::with_limits(Cursor::new(bytes), limits)
}

/// Reads the pixels; the memory for them follows from the size, which is checked first.
fn read(
    decoder: Result<impl ImageDecoder, ImageError>,
    limits: Limits,
    pixels: &mut Vec<u8>,
) -> Result<(u32, u32), ReadError> {
    let decoder = decoder?;
    let (width, height) = decoder.dimensions();
    limits.check(width.into(), height.into()).map_err(ReadError::Refused)?;
    let count = width as usize * height as usize;
    match decoder.color_type() {
        ColorType::Rgb8 => {
            buffer::zero(pixels, count * CHANNELS);
            decoder.read_image(pixels)?;
        }
        ColorType::Rgba8 => {
            buffer::zero(pixels, count * RGBA_CHANNELS);
            decoder.read_image(pixels)?;
            drop_alpha(pixels);
        }
        // Grey or deep colour, which no camera sends: converted in memory of its own.
        _ => {
            *pixels = Vec::new();
            *pixels = DynamicImage::from_decoder(decoder)?.into_rgb8().into_raw();
        }
    }
    Ok((width, height))
}

/// Moves the colours together in place: a second buffer would cost as much memory again.
fn drop_alpha(pixels: &mut Vec<u8>) {
    let count = pixels.len() / RGBA_CHANNELS;
    for pixel in 0..count {
        let from = pixel * RGBA_CHANNELS;
        pixels.copy_within(from..from + CHANNELS, pixel * CHANNELS);
    }
    pixels.truncate(count * CHANNELS);
}
