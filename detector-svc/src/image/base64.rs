//! Base64 of frames: standard alphabet, padding required, line breaks tolerated.

use base64_simd::STANDARD;

use super::DecodeError;

/// Decodes base64 text, with or without the line breaks that MIME encoders insert.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    STANDARD
        .decode_to_vec(text)
        .or_else(|_| base64_simd::forgiving_decode_to_vec(text))
        .map_err(|_| DecodeError::Base64)
}
