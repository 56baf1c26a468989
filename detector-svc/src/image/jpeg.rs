//! JPEG files.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::{CHANNELS, ColorOrder, DecodeError, Limits, buffer, reorder};
use crate::frame::FileFormat;

/// Scans of a progressive image: more serve only to burn processor time.
const MAX_SCANS: usize = 100;

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// Decodes a JPEG file; one that is cut short or corrupt is refused rather than filled up with grey.
pub(super) fn decode(
    bytes: &[u8],
    order: ColorOrder,
    limits: Limits,
    pixels: &mut Vec<u8>,
) -> Result<(u32, u32), DecodeError> {
    let decoder = open(bytes, color_space(order))?;
    let (width, height) = dimensions(&decoder)?;
    limits.check(width.into(), height.into())?;
    buffer::zero(pixels, width as usize * height as usize * CHANNELS);
    // The decoder knows every way to RGB, but only YCbCr's to BGR; what it writes is settled when it is opened.
    if order == ColorOrder::Bgr && decoder.input_colorspace() != Some(ColorSpace::YCbCr) {
        read(open(bytes, ColorSpace::RGB)?, pixels)?;
        reorder(pixels, order);
    } else {
        read(decoder, pixels)?;
    }
    Ok((width, height))
}

/// Width and height in pixels, from the header.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    dimensions(&open(bytes, ColorSpace::RGB)?)
}

/// Reads the headers of a file whose pixels are to be written as `colors`.
fn open(bytes: &[u8], colors: ColorSpace) -> Result<Decoder<'_>, DecodeError> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        // The caller checks sizes, and its message can name them.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colors);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(malformed)?;
    Ok(decoder)
}

fn read(mut decoder: Decoder<'_>, pixels: &mut [u8]) -> Result<(), DecodeError> {
    decoder.decode_into(pixels).map_err(malformed)
}

fn dimensions(decoder: &Decoder<'_>) -> Result<(u32, u32), DecodeError> {
    let info = decoder.info().ok_or_else(|| malformed("no frame header"))?;
    Ok((info.width.into(), info.height.into()))
}

fn color_space(order: ColorOrder) -> ColorSpace {
    match order {
        ColorOrder::Rgb => ColorSpace::RGB,
        ColorOrder::Bgr => ColorSpace::BGR,
    }
}

fn malformed(detail: impl std::fmt::Display) -> DecodeError {
    DecodeError::Malformed { format: FileFormat::Jpeg.as_str(), detail: detail.to_string() }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
