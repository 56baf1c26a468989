//! Base64 of frames: standard alphabet, padding required, line breaks tolerated.

use base64_simd::STANDARD;

use super::{DecodeError, buffer};

/// Decodes base64 text, with or without the line breaks that MIME encoders insert, into a reused buffer.
pub(super) fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), DecodeError> {
    buffer::clear(bytes, text.len());
    STANDARD.decode_append(text, bytes).or_else(|_| forgiving(text, bytes))
}

/// Decodes in place what is left of the text without its white space.
fn forgiving(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), DecodeError> {
    bytes.clear();
    bytes.extend_from_slice(text);
    let length = base64_simd::forgiving_decode_inplace(bytes).map_err(|_| DecodeError::Base64)?.len();
    bytes.truncate(length);
    Ok(())
}
