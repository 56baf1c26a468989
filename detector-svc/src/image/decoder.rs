//! Decoding image after image in the same memory.

use super::{ColorOrder, DecodeError, Image, Limits, base64, file, jpeg, raw, sniff};
use crate::frame::{Encoding, FileFormat, Payload};

/// Decodes images; one for each thread, since it keeps memory from image to image: at most 32 MiB or twice what the
/// last image in base64 needed. Whatever became of an image, an error or a panic, the next one is decoded as if it
/// were the first.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What came out of base64.
    bytes: Vec<u8>,
}

impl Decoder {
    /// One that has decoded nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes an image into `order`, in the memory of `into`, which keeps at most 32 MiB or twice what the image
    /// needs. No more is taken before the image's size is checked.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that is not a whole image within the limits; `into` is empty then.
    pub fn decode(
        &mut self,
        payload: &Payload,
        order: ColorOrder,
        limits: Limits,
        into: &mut Image,
    ) -> Result<(), DecodeError> {
        // What is left by a decoder that gives up half-way is no image.
        (into.width, into.height) = (0, 0);
        let decoded = self.decode_pixels(payload, order, limits, &mut into.pixels);
        (into.width, into.height) = decoded.inspect_err(|_| into.pixels.clear())?;
        Ok(())
    }

    fn decode_pixels(
        &mut self,
        payload: &Payload,
        order: ColorOrder,
        limits: Limits,
        pixels: &mut Vec<u8>,
    ) -> Result<(u32, u32), DecodeError> {
        if payload.base64 {
            base64::decode(&payload.bytes, &mut self.bytes)?;
            decode_bytes(&self.bytes, payload.encoding, order, limits, pixels)
        } else {
            decode_bytes(&payload.bytes, payload.encoding, order, limits, pixels)
        }
    }
}

/// Writes the image's pixels, and tells its width and height.
fn decode_bytes(
    bytes: &[u8],
    encoding: Encoding,
    order: ColorOrder,
    limits: Limits,
    pixels: &mut Vec<u8>,
) -> Result<(u32, u32), DecodeError> {
    match encoding {
        Encoding::File(FileFormat::Jpeg) => jpeg::decode(bytes, order, limits, pixels),
        Encoding::File(format) => file::decode(bytes, format, order, limits, pixels),
        Encoding::AnyFile => decode_bytes(bytes, Encoding::File(sniff(bytes)?), order, limits, pixels),
        Encoding::Raw { width, height, layout } => {
            raw::decode(bytes, (width, height), layout, order, limits, pixels)
        }
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
