//! JPEG files of every kind of colour look as they do to OpenCV, in either order of the channels.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::image::Image;

const LIMITS: Limits = Limits { max_side: 100, max_pixels: 10_000 };
/// Middle of each quadrant, x and y.
const PLACES: [(usize, usize); 4] = [(8, 8), (22, 8), (8, 18), (22, 18)];
/// Decoders round differently.
const TOLERANCE: u8 = 3;

const GREY: [[u8; 3]; 4] = [[20; 3], [90; 3], [160; 3], [240; 3]];
const COLORS: [[u8; 3]; 4] = [[200, 40, 30], [30, 160, 60], [40, 70, 210], [235, 225, 120]];
const INKS: [[u8; 3]; 4] = [[235, 52, 43], [36, 180, 51], [56, 106, 255], [149, 143, 77]];

const FILES: [(&str, [[u8; 3]; 4]); 6] = [
    ("grey.jpg", GREY),
    ("grey-progressive.jpg", GREY),
    ("progressive.jpg", COLORS),
    ("adobe-rgb.jpg", COLORS),
    ("cmyk.jpg", INKS),
    ("ycck.jpg", INKS),
];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/images/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn decoded(bytes: &[u8], order: ColorOrder) -> Result<Image, DecodeError> {
    let mut pixels = Vec::new();
    let (width, height) = decode(bytes, order, LIMITS, &mut pixels)?;
    Ok(Image { width, height, pixels })
}

fn pixel(image: &Image, (x, y): (usize, usize)) -> [u8; 3] {
    let start = (y * image.width as usize + x) * CHANNELS;
    image.pixels[start..start + CHANNELS].try_into().unwrap()
}

#[test]
fn every_kind_of_colour_decodes_as_in_opencv() {
    for (name, expected) in FILES {
        let rgb = decoded(&file(name), ColorOrder::Rgb).unwrap();
        assert_eq!((rgb.width, rgb.height), (27, 21), "{name}");
        for (place, expected) in PLACES.into_iter().zip(expected) {
            let found = pixel(&rgb, place);
            let near = found.iter().zip(expected).all(|(found, wanted)| found.abs_diff(wanted) <= TOLERANCE);
            assert!(near, "{name} at {place:?}: {found:?}, OpenCV reads {expected:?}");
        }
    }
}

#[test]
fn blue_first_is_red_first_swapped() {
    for (name, _) in FILES {
        let mut rgb = decoded(&file(name), ColorOrder::Rgb).unwrap();
        let bgr = decoded(&file(name), ColorOrder::Bgr).unwrap_or_else(|e| panic!("{name}: {e}"));
        reorder(&mut rgb.pixels, ColorOrder::Bgr);
        assert_eq!(bgr, rgb, "{name}");
    }
}

#[test]
fn a_damaged_file_of_any_kind_is_refused_or_whole() {
    for (name, _) in FILES {
        let whole = file(name);
        for place in 2..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0xFF;
            if let Ok(image) = decoded(&damaged, ColorOrder::Bgr) {
                assert_eq!(image.pixels.len(), image.width as usize * image.height as usize * CHANNELS);
            }
            assert!(decoded(&whole[..place], ColorOrder::Bgr).is_err() || place + 2 >= whole.len());
        }
    }
}
