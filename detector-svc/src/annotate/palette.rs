//! Colours: the same class, or the same tracked object, has the same one in every image.

use embedded_graphics::{pixelcolor::Rgb888, prelude::*};

use crate::detection::Detection;

/// 2^64 divided by the golden ratio: multiples of it, cut to 64 bits, stay as far from each other as they can.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Steps round the circle of hues: six ramps of a channel.
const HUES: u64 = 6 * RAMP;
const RAMP: u64 = 256;
/// Darkest a channel gets: full colours alone would be hard on the eye.
const FLOOR: u64 = 40;
/// Luma, 0 to 255, from which on black is easier to read than white.
const BRIGHT: u32 = 120;

/// The colour of a detection: by object when it is tracked, else by class.
pub(super) fn color(detection: &Detection) -> Rgb888 {
    hue(detection.track_id.map_or(detection.class_id as u64, |track| track.0))
}

/// Black or white, whichever can be read on `ground`.
pub(super) fn text_on(ground: Rgb888) -> Rgb888 {
    // The weights of ITU-R BT.601.
    let luma = 299 * u32::from(ground.r()) + 587 * u32::from(ground.g()) + 114 * u32::from(ground.b());
    if luma >= BRIGHT * 1000 { Rgb888::BLACK } else { Rgb888::WHITE }
}

/// Spreads numbers over the circle of hues: those of neighbours are far apart.
fn hue(number: u64) -> Rgb888 {
    let turn = number.wrapping_mul(GOLDEN) >> 32;
    let step = (turn * HUES) >> 32;
    let rise = FLOOR + (step % RAMP) * (255 - FLOOR) / RAMP;
    let fall = 255 + FLOOR - rise;
    let (red, green, blue) = match step / RAMP {
        0 => (255, rise, FLOOR),
        1 => (fall, 255, FLOOR),
        2 => (FLOOR, 255, rise),
        3 => (FLOOR, fall, 255),
        4 => (rise, FLOOR, 255),
        _ => (255, FLOOR, fall),
    };
    Rgb888::new(red as u8, green as u8, blue as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: Rgb888, b: Rgb888) -> u32 {
        [(a.r(), b.r()), (a.g(), b.g()), (a.b(), b.b())]
            .map(|(a, b)| u32::from(a.abs_diff(b)))
            .into_iter()
            .sum()
    }

    #[test]
    fn the_first_numbers_have_colours_that_differ() {
        let colors: Vec<_> = (0..8).map(hue).collect();
        for (index, color) in colors.iter().enumerate() {
            for other in &colors[..index] {
                assert!(distance(*color, *other) >= 60, "{color:?} {other:?}");
            }
        }
    }

    #[test]
    fn any_number_has_a_colour_and_text_that_can_be_read_on_it() {
        for number in [0, 1, 7, 1 << 40, u64::MAX] {
            let ground = hue(number);
            assert!(distance(ground, text_on(ground)) >= 200, "{ground:?}");
        }
    }
}
