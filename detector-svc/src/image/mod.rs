//! From bytes to pixels: base64, JPEG, PNG, WebP and raw buffers, with every size checked before memory is taken.

mod base64;
mod buffer;
mod decoder;
mod file;
mod jpeg;
mod raw;

use thiserror::Error;

pub use decoder::Decoder;

use crate::frame::{FileFormat, Payload};

/// Bytes a pixel of a decoded [`Image`].
pub const CHANNELS: usize = 3;

/// Order of the channels of a decoded image, chosen to spare a swap before the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// The order that images are decoded into fastest: the JPEG decoder has vector instructions for no other.
pub const FASTEST_ORDER: ColorOrder = ColorOrder::Rgb;

/// A decoded image: row-major, three bytes a pixel in the order asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub pixels: Vec<u8>,
}

/// What sizes of image are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most pixels along a side.
    pub max_side: u32,
    /// Most pixels in all: a file of a few kilobytes may unfold to any number of them.
    pub max_pixels: u32,
}

/// Why bytes did not become an image.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The text of the image is not base64.
    #[error("image_data is not valid base64")]
    Base64,
    /// The bytes are no file of the format.
    #[error("not a readable {format} image: {detail}")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// What the decoder said.
        detail: String,
    },
    /// The decoder gave up in a way that it should not.
    #[error("the image makes its decoder fail")]
    Panicked,
    /// The bytes begin like no format we know.
    #[error("not a JPEG, PNG or WebP image: the first bytes are {0}")]
    UnknownFormat(String),
    /// A side is empty or too long.
    #[error("image of {width}x{height} pixels: sides must be 1 to {max} pixels")]
    Size {
        /// Pixels a row, as the image claims.
        width: u64,
        /// Rows, as the image claims.
        height: u64,
        /// Most pixels along a side.
        max: u32,
    },
    /// The sides are within their limit, and the image is too large all the same.
    #[error("image of {width}x{height} pixels: at most {max} pixels in all are allowed")]
    Pixels {
        /// Pixels a row, as the image claims.
        width: u64,
        /// Rows, as the image claims.
        height: u64,
        /// Most pixels in all.
        max: u32,
    },
    /// A raw buffer has another length than its size calls for.
    #[error("raw image of {width}x{height} with {channels} channels needs {expected} bytes, got {actual}")]
    RawLength {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes a pixel.
        channels: usize,
        /// Bytes that the size calls for.
        expected: usize,
        /// Bytes that there are.
        actual: usize,
    },
}

impl Limits {
    /// Accepts a size or says what is wrong with it.
    ///
    /// # Errors
    /// [`DecodeError::Size`] when a side is 0 or longer than the limit, [`DecodeError::Pixels`] when there are too
    /// many pixels in all.
    pub fn check(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        let fits = |side| (1..=u64::from(self.max_side)).contains(&side);
        if !fits(width) || !fits(height) {
            return Err(DecodeError::Size { width, height, max: self.max_side });
        }
        // Sides that fit have 32 bits, so their product cannot overflow.
        if width * height > u64::from(self.max_pixels) {
            return Err(DecodeError::Pixels { width, height, max: self.max_pixels });
        }
        Ok(())
    }
}

/// Decodes a single image into `order`; for one after the other there is [`Decoder`].
///
/// # Errors
/// [`DecodeError`] for anything that is not a whole image within the limits.
pub fn decode(payload: &Payload, order: ColorOrder, limits: Limits) -> Result<Image, DecodeError> {
    let mut image = Image::default();
    Decoder::new().decode(payload, order, limits, &mut image)?;
    Ok(image)
}

/// Turns pixels that are red first into `order`.
fn reorder(pixels: &mut [u8], order: ColorOrder) {
    if order == ColorOrder::Bgr {
        for pixel in pixels.chunks_exact_mut(CHANNELS) {
            pixel.swap(0, 2);
        }
    }
}

/// Tells an image file's format and its width and height in pixels, from its header alone.
///
/// # Errors
/// [`DecodeError`] for anything that is no file of a known format.
pub fn probe(bytes: &[u8]) -> Result<(FileFormat, u32, u32), DecodeError> {
    let format = sniff(bytes)?;
    let (width, height) = match format {
        FileFormat::Jpeg => jpeg::size(bytes)?,
        FileFormat::Png | FileFormat::Webp => file::size(bytes, format)?,
    };
    Ok((format, width, height))
}

/// Tells a file format by its first bytes.
fn sniff(bytes: &[u8]) -> Result<FileFormat, DecodeError> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Ok(FileFormat::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Ok(FileFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(FileFormat::Webp),
        _ => Err(DecodeError::UnknownFormat(format!("{:02x?}", &bytes[..bytes.len().min(8)]))),
    }
}

#[cfg(test)]
mod tests;
