//! Base64 text: what was encoded comes back byte by byte, anything else is an error and not a panic.
#![no_main]

use detector_svc::{
    frame::{Encoding, Payload, RawLayout},
    image::{ColorOrder, Limits, decode},
};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_side: 4096, max_pixels: 16_777_216 };

/// Decodes base64 text as one row of grey pixels, the barest image there is.
fn decode_row(text: Vec<u8>, width: usize) -> Option<Vec<u8>> {
    let encoding = Encoding::Raw { width: width as u32, height: 1, layout: RawLayout::Grey };
    let payload = Payload { bytes: text.into(), base64: true, encoding };
    let image = decode(&payload, ColorOrder::Bgr, LIMITS).ok()?;
    Some(image.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect())
}

fuzz_target!(|data: &[u8]| {
    for width in [data.len() / 4 * 3, data.len(), 1] {
        decode_row(data.to_vec(), width);
    }
    if (1..=LIMITS.max_side as usize).contains(&data.len()) {
        let text = base64_simd::STANDARD.encode_to_string(data);
        assert_eq!(decode_row(text.clone().into_bytes(), data.len()).as_deref(), Some(data));
        // MIME encoders break lines.
        let lines = text.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]);
        assert_eq!(decode_row(lines, data.len()).as_deref(), Some(data));
    }
});
