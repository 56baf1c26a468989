//! Every format decodes to the same picture, and everything else is refused with a reason.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::*;
use crate::frame::{Encoding, RawLayout};

const LIMITS: Limits = Limits { max_side: 10_000, max_pixels: 50_000_000 };

fn picture() -> RgbImage {
    RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8 * 30, y as u8 * 50, 200]))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn run(bytes: Vec<u8>, base64: bool, encoding: Encoding, order: ColorOrder) -> Result<Image, DecodeError> {
    decode(&Payload { bytes: Bytes::from(bytes), base64, encoding }, order, LIMITS)
}

fn frame() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/frames/vtest/0000.jpg")).unwrap()
}

#[test]
fn lossless_files_decode_exactly_in_either_order() {
    for (format, encoding) in [
        (ImageFormat::Png, Encoding::File(FileFormat::Png)),
        (ImageFormat::WebP, Encoding::File(FileFormat::Webp)),
    ] {
        let rgb = run(encoded(format), false, encoding, ColorOrder::Rgb).unwrap();
        assert_eq!((rgb.width, rgb.height), (7, 5));
        assert_eq!(rgb.pixels, picture().into_raw());
        let bgr = run(encoded(format), false, Encoding::AnyFile, ColorOrder::Bgr).unwrap();
        assert!(bgr.pixels.chunks(3).zip(rgb.pixels.chunks(3)).all(|(b, r)| b[0] == r[2] && b[1] == r[1]));
    }
}

#[test]
fn transparency_is_dropped_and_deep_colour_reduced() {
    let rgba = DynamicImage::from(picture()).into_rgba8();
    for image in
        [DynamicImage::from(rgba.clone()), DynamicImage::from(DynamicImage::from(rgba).into_rgba16())]
    {
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).unwrap();
        let rgb = run(png.into_inner(), false, Encoding::AnyFile, ColorOrder::Rgb).unwrap();
        assert_eq!(rgb.pixels, picture().into_raw(), "{:?}", image.color());
    }
}

#[test]
fn an_image_of_too_many_pixels_is_refused_with_the_limit() {
    let jpeg = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/grey.jpg")).unwrap();
    let raw = Encoding::Raw { width: 7, height: 5, layout: RawLayout::Grey };
    for (bytes, encoding, pixels) in [
        (encoded(ImageFormat::Png), Encoding::AnyFile, 7 * 5),
        (encoded(ImageFormat::WebP), Encoding::AnyFile, 7 * 5),
        (jpeg, Encoding::AnyFile, 27 * 21),
        (vec![0; 35], raw, 7 * 5),
    ] {
        let payload = Payload { bytes: Bytes::from(bytes), base64: false, encoding };
        let run = |max_pixels| decode(&payload, ColorOrder::Bgr, Limits { max_side: 100, max_pixels });
        assert!(run(pixels).is_ok());
        let error = run(pixels - 1).unwrap_err();
        assert!(matches!(error, DecodeError::Pixels { .. }), "{error}");
        assert!(error.to_string().contains(&format!("at most {} pixels", pixels - 1)), "{error}");
    }
}

#[test]
fn the_largest_sides_overflow_nothing() {
    let limits = Limits { max_side: u32::MAX, max_pixels: u32::MAX };
    let side = u32::MAX;
    let encoding = Encoding::Raw { width: side, height: side, layout: RawLayout::Bgra };
    let payload = Payload { bytes: Bytes::new(), base64: false, encoding };
    assert!(matches!(decode(&payload, ColorOrder::Rgb, limits), Err(DecodeError::Pixels { .. })));
}

#[test]
fn raw_layouts_reach_the_order_asked_for() {
    let raw = |layout, bytes: &[u8], order| {
        run(bytes.to_vec(), false, Encoding::Raw { width: 1, height: 1, layout }, order).unwrap().pixels
    };
    assert_eq!(raw(RawLayout::Bgr, &[1, 2, 3], ColorOrder::Bgr), [1, 2, 3]);
    assert_eq!(raw(RawLayout::Bgr, &[1, 2, 3], ColorOrder::Rgb), [3, 2, 1]);
    assert_eq!(raw(RawLayout::Bgra, &[1, 2, 3, 9], ColorOrder::Bgr), [1, 2, 3]);
    assert_eq!(raw(RawLayout::Bgra, &[1, 2, 3, 9], ColorOrder::Rgb), [3, 2, 1]);
    assert_eq!(raw(RawLayout::Grey, &[7], ColorOrder::Rgb), [7, 7, 7]);
}

#[test]
fn a_real_frame_decodes_from_base64_and_from_bytes_alike() {
    let jpeg = frame();
    let text = base64_simd::STANDARD.encode_to_string(&jpeg).into_bytes();
    let from_text = run(text, true, Encoding::File(FileFormat::Jpeg), ColorOrder::Bgr).unwrap();
    assert_eq!((from_text.width, from_text.height), (768, 576));
    assert_eq!(from_text, run(jpeg, false, Encoding::AnyFile, ColorOrder::Bgr).unwrap());
}

#[test]
fn a_truncated_jpeg_is_refused() {
    let mut jpeg = frame();
    for length in [jpeg.len() / 2, 700, 3] {
        jpeg.truncate(length);
        let error = run(jpeg.clone(), false, Encoding::File(FileFormat::Jpeg), ColorOrder::Bgr).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { format: "jpeg", .. }), "{length}: {error}");
    }
}

#[test]
fn bytes_after_the_end_of_a_jpeg_are_ignored() {
    let jpeg = frame();
    let plain = run(jpeg.clone(), false, Encoding::AnyFile, ColorOrder::Bgr).unwrap();
    let padded = [jpeg, vec![0; 100]].concat();
    assert_eq!(run(padded, false, Encoding::AnyFile, ColorOrder::Bgr).unwrap(), plain);
}

#[test]
fn a_header_that_claims_too_many_pixels_is_refused_before_decoding() {
    let mut jpeg = frame();
    let header = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[header + 5..header + 9].copy_from_slice(&[0x9C, 0x40, 0x9C, 0x40]);
    let error = run(jpeg, false, Encoding::File(FileFormat::Jpeg), ColorOrder::Bgr).unwrap_err();
    assert!(matches!(error, DecodeError::Size { width: 40_000, height: 40_000, .. }), "{error}");
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    let raw = Encoding::Raw { width: 2, height: 2, layout: RawLayout::Bgr };
    let empty = Encoding::Raw { width: 0, height: 2, layout: RawLayout::Bgr };
    assert!(matches!(
        run(vec![0; 11], false, raw, ColorOrder::Bgr),
        Err(DecodeError::RawLength { expected: 12, .. })
    ));
    assert!(matches!(run(vec![], false, empty, ColorOrder::Bgr), Err(DecodeError::Size { .. })));
    assert!(matches!(run(b"!!!!".to_vec(), true, raw, ColorOrder::Bgr), Err(DecodeError::Base64)));
    assert!(matches!(
        run(b"GIF89a".to_vec(), false, Encoding::AnyFile, ColorOrder::Bgr),
        Err(DecodeError::UnknownFormat(_))
    ));
    assert!(matches!(
        run(vec![], false, Encoding::AnyFile, ColorOrder::Bgr),
        Err(DecodeError::UnknownFormat(_))
    ));
}
