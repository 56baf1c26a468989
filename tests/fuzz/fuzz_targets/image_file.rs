//! JPEG, PNG and WebP files: whatever decodes has the pixels it claims, and the limits hold before memory is taken.
#![no_main]

use detector_svc::{
    frame::{Encoding, FileFormat, Payload},
    image::{CHANNELS, ColorOrder, Image, Limits, decode, probe},
};
use libfuzzer_sys::fuzz_target;

/// Small, so that memory taken for a larger image stands out.
const LIMITS: Limits = Limits { max_side: 256, max_pixels: 40_000 };

fn decode_as(data: &[u8], encoding: Encoding, order: ColorOrder) -> Option<Image> {
    let payload = Payload { bytes: data.to_vec().into(), base64: false, encoding };
    let image = decode(&payload, order, LIMITS).ok()?;
    assert!((1..=LIMITS.max_side).contains(&image.width) && (1..=LIMITS.max_side).contains(&image.height));
    assert!(image.width * image.height <= LIMITS.max_pixels);
    assert_eq!(image.pixels.len(), image.width as usize * image.height as usize * CHANNELS);
    Some(image)
}

fuzz_target!(|data: &[u8]| {
    let probed = probe(data).ok();
    for format in [FileFormat::Jpeg, FileFormat::Png, FileFormat::Webp] {
        decode_as(data, Encoding::File(format), ColorOrder::Rgb);
    }
    let Some(image) = decode_as(data, Encoding::AnyFile, ColorOrder::Rgb) else {
        return;
    };
    let (format, width, height) = probed.expect("what can be decoded has a header");
    assert_eq!((width, height), (image.width, image.height));
    let mut swapped = decode_as(data, Encoding::File(format), ColorOrder::Bgr).expect("in either order");
    swapped.pixels.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.swap(0, 2));
    assert!(swapped == image, "the order of the channels changes nothing else");
});
