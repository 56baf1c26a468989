//! Against smoothing and interpolation one after the other, as the formulas say.

use proptest::prelude::*;

use super::*;

/// The pixel in place of one beyond the edge, step by step.
fn reflected(mut place: i64, len: i64) -> usize {
    while len > 1 && !(0..len).contains(&place) {
        place = if place < 0 { -place } else { 2 * (len - 1) - place };
    }
    if len == 1 { 0 } else { place as usize }
}

/// Smooths a line, then takes each new pixel between its two neighbours.
fn naive(line: &[f64], target: usize) -> Vec<f64> {
    let len = line.len() as i64;
    let factor = line.len() as f64 / target as f64;
    let deviation = ((factor - 1.0) / 2.0).max(0.0);
    let radius = (4.0 * deviation + 0.5).floor() as i64;
    let bell =
        |n: i64| if deviation == 0.0 { 1.0 } else { (-(n * n) as f64 / (2.0 * deviation * deviation)).exp() };
    let sum: f64 = (-radius..=radius).map(bell).sum();
    let at = |place: i64| {
        let near = (-radius..=radius).map(|n| bell(n) * line[reflected(place + n, len)]);
        near.sum::<f64>() / sum
    };
    let smooth: Vec<f64> = (0..len).map(at).collect();
    let pixels = (0..target).map(|pixel| {
        let place = (pixel as f64 + 0.5) * factor - 0.5;
        let (low, between) = (place.floor() as i64, place - place.floor());
        smooth[reflected(low, len)] * (1.0 - between) + smooth[reflected(low + 1, len)] * between
    });
    pixels.collect()
}

fn naive_plane(plane: &[f64], width: usize, target: (usize, usize)) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = plane.chunks(width).map(|row| naive(row, target.0)).collect();
    let columns: Vec<Vec<f64>> =
        (0..target.0).map(|x| naive(&rows.iter().map(|row| row[x]).collect::<Vec<_>>(), target.1)).collect();
    (0..target.1).flat_map(|y| columns.iter().map(move |column| column[y]).collect::<Vec<_>>()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_pass_gives_what_two_give(
        (width, height) in (1usize..24, 1usize..24), target in (1usize..12, 1usize..12), square: bool, seed: u64,
    ) {
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let pixels: Vec<u8> = (0..width * height * CHANNELS).map(|_| byte()).collect();
        let (canvas_width, canvas_height) =
            if square { (width.max(height), width.max(height)) } else { (width, height) };
        let padding = [10.0, 200.0, 127.0];
        let image =
            Image { width: width as u32, height: height as u32, pixels: pixels.clone() };
        let canvas = Canvas { width: canvas_width as u32, height: canvas_height as u32, padding };
        let mut found = Vec::new();
        let mut smoother = Smoother::default();
        for _ in 0..2 {
            smoother.resize(&image, canvas, (target.0 as u32, target.1 as u32), &mut found);
        }
        for channel in 0..CHANNELS {
            let mut plane = vec![f64::from(padding[channel]); canvas_width * canvas_height];
            for y in 0..height {
                for x in 0..width {
                    plane[y * canvas_width + x] = f64::from(pixels[(y * width + x) * CHANNELS + channel]);
                }
            }
            let expected = naive_plane(&plane, canvas_width, target);
            for (index, expected) in expected.into_iter().enumerate() {
                let pixel = f64::from(found[index * CHANNELS + channel]);
                prop_assert!((pixel - expected).abs() < 0.51, "{index}: {pixel}, {expected}");
            }
        }
    }
}
