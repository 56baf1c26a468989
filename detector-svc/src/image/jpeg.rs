//! JPEG files.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::{ColorOrder, DecodeError, Image, Limits};
use crate::frame::FileFormat;

/// Scans of a progressive image: more serve only to burn processor time.
const MAX_SCANS: usize = 100;

/// Decodes a JPEG file; one that is cut short or corrupt is refused rather than filled up with grey.
pub(super) fn decode(bytes: &[u8], order: ColorOrder, limits: Limits) -> Result<Image, DecodeError> {
    let colorspace = match order {
        ColorOrder::Rgb => ColorSpace::RGB,
        ColorOrder::Bgr => ColorSpace::BGR,
    };
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        // Sizes are checked below, where the message can name them.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colorspace);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| malformed("no frame header"))?;
    limits.check(width as u64, height as u64)?;
    let pixels = decoder.decode().map_err(malformed)?;
    Ok(Image { width: width as u32, height: height as u32, pixels })
}

/// Width and height in pixels, from the header.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| malformed("no frame header"))?;
    Ok((width as u32, height as u32))
}

fn malformed(detail: impl std::fmt::Display) -> DecodeError {
    DecodeError::Malformed { format: FileFormat::Jpeg.as_str(), detail: detail.to_string() }
}
