//! One decoder for image after image finds in each what a new one finds.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, RgbImage};
use proptest::prelude::*;

use super::*;
use crate::{frame::RawLayout, image::decode};

const LIMITS: Limits = Limits { max_side: 1000, max_pixels: 1_000_000 };

fn drawn(format: ImageFormat, convert: impl Fn(DynamicImage) -> DynamicImage) -> Vec<u8> {
    let picture = RgbImage::from_fn(31, 23, |x, y| image::Rgb([x as u8 * 8, y as u8 * 11, 200]));
    let mut bytes = Cursor::new(Vec::new());
    convert(picture.into()).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Image files of every kind.
fn files() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images");
    let jpegs = ["grey", "grey-progressive", "progressive", "adobe-rgb", "cmyk", "ycck"]
        .map(|name| std::fs::read(format!("{folder}/{name}.jpg")).unwrap());
    let others = [
        drawn(ImageFormat::Png, |image| image),
        drawn(ImageFormat::Png, |image| image.into_rgba8().into()),
        drawn(ImageFormat::Png, |image| image.into_luma8().into()),
        drawn(ImageFormat::Png, |image| image.into_rgba16().into()),
        drawn(ImageFormat::WebP, |image| image),
        drawn(ImageFormat::WebP, |image| image.into_rgba8().into()),
    ];
    jpegs.into_iter().chain(others).collect()
}

/// A decoder and an image that have seen a good deal already.
fn used() -> (Decoder, Image) {
    let pixels = vec![0xAA; 3_000_000];
    (Decoder { bytes: b"left from before".repeat(100) }, Image { width: 9, height: 9, pixels })
}

/// Decodes in memory with something in it and in new memory, which must come to the same.
fn compare(payload: &Payload, order: ColorOrder) -> Result<(), String> {
    let (mut decoder, mut reused) = used();
    let found = decoder.decode(payload, order, LIMITS, &mut reused).map_err(|error| error.to_string());
    match (found, decode(payload, order, LIMITS)) {
        (Ok(()), Ok(new)) if new == reused => Ok(()),
        (Err(found), Err(new)) if found == new.to_string() && reused == Image::default() => Ok(()),
        (found, new) => Err(format!("{found:?} and a {}x{} image", reused.width, reused.height)
            + &format!(", in new memory {:?}", new.map(|image| (image.width, image.height)))),
    }
}

fn file(bytes: Vec<u8>) -> Payload {
    Payload { bytes: Bytes::from(bytes), base64: false, encoding: Encoding::AnyFile }
}

#[test]
fn what_memory_holds_from_before_shows_in_no_image() {
    for whole in files() {
        for order in [ColorOrder::Rgb, ColorOrder::Bgr] {
            compare(&file(whole.clone()), order).unwrap();
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0xFF;
            compare(&file(damaged), ColorOrder::Bgr).unwrap();
            compare(&file(whole[..place].to_vec()), ColorOrder::Bgr).unwrap();
        }
    }
}

#[test]
fn a_damaged_file_that_the_decoder_takes_for_whole_shows_nothing_from_before() {
    let mut jpeg =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/frames/vtest/0000.jpg")).unwrap();
    for (place, byte) in [(22_904, 237), (34_566, 142), (40_372, 193)] {
        jpeg[place] = byte;
    }
    assert!(decode(&file(jpeg.clone()), ColorOrder::Bgr, LIMITS).is_ok());
    compare(&file(jpeg), ColorOrder::Bgr).unwrap();
}

#[test]
fn an_image_of_the_size_of_the_last_is_decoded_where_the_last_was() {
    let files = files();
    let (rgb, jpeg) = (files[6].clone(), files[2].clone());
    let raw = Encoding::Raw { width: 2, height: 1, layout: RawLayout::Bgr };
    for payload in [file(rgb), file(jpeg), Payload { encoding: raw, ..file(vec![1, 2, 3, 4, 5, 6]) }] {
        let (mut decoder, mut image) = (Decoder::new(), Image::default());
        decoder.decode(&payload, ColorOrder::Bgr, LIMITS, &mut image).unwrap();
        let (place, first) = (image.pixels.as_ptr(), image.clone());
        decoder.decode(&payload, ColorOrder::Bgr, LIMITS, &mut image).unwrap();
        assert_eq!(image.pixels.as_ptr(), place);
        assert_eq!(image, first);
    }
}

#[test]
fn no_memory_is_taken_for_an_image_that_is_refused() {
    let (mut decoder, mut image) = (Decoder::new(), Image::default());
    for payload in files().into_iter().map(file) {
        let limits = Limits { max_side: 1000, max_pixels: 500 };
        let error = decoder.decode(&payload, ColorOrder::Bgr, limits, &mut image).unwrap_err();
        assert!(matches!(error, DecodeError::Pixels { .. }), "{error}");
        assert_eq!(image.pixels.capacity(), 0);
    }
}

proptest! {
    #[test]
    fn base64_leaves_nothing_behind(rows in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..300), 0..4), 1..8)) {
        let (mut decoder, mut image) = used();
        for (bytes, kind) in rows {
            let encoding = Encoding::Raw { width: bytes.len() as u32, height: 1, layout: RawLayout::Grey };
            let text = base64_simd::STANDARD.encode_to_string(&bytes).into_bytes();
            let text = match kind {
                0 => text.chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]),
                1 => [&text[..text.len() / 2], b"!"].concat(),
                _ => text,
            };
            let payload = Payload { bytes: Bytes::from(text), base64: true, encoding };
            let decoded = decoder.decode(&payload, ColorOrder::Rgb, LIMITS, &mut image);
            prop_assert_eq!(decoded.is_ok(), kind != 1);
            let expected: Vec<u8> = bytes.iter().flat_map(|byte| [*byte; 3]).collect();
            prop_assert_eq!(&image.pixels, if kind == 1 { &[][..] } else { &expected[..] });
        }
    }
}
