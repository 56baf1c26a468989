//! To the bit as OpenCV 4.14.

use proptest::prelude::*;

use super::*;

fn resized(image: &Image, size: (u32, u32)) -> Vec<u8> {
    let mut pixels = vec![7; 3];
    Bilinear::default().resize(image, size, &mut pixels);
    pixels
}

/// `cv2.resize` of seven by five pixels of bytes `37 * n % 251`.
#[test]
fn pixels_are_those_of_opencv() {
    let bytes = (0..105_u32).map(|index| (index * 37 % 251) as u8);
    let image = Image { width: 7, height: 5, pixels: bytes.collect() };
    let expected: [((u32, u32), &[u8]); 6] = [
        ((3, 2), &[92, 129, 166, 100, 137, 174, 108, 145, 119, 152, 189, 59, 160, 197, 171, 147, 121, 158]),
        (
            (4, 3),
            &[
                49, 86, 124, 212, 30, 67, 187, 151, 41, 130, 167, 152, 90, 127, 164, 33, 70, 107, 227, 45,
                82, 170, 207, 88, 129, 166, 109, 73, 110, 126, 47, 84, 100, 106, 90, 127,
            ],
        ),
        (
            (9, 7),
            &[
                0, 37, 74, 74, 111, 148, 160, 86, 123, 191, 32, 69, 82, 119, 156, 168, 205, 47, 115, 152, 78,
                90, 127, 164, 164, 201, 238, 14, 51, 87, 87, 125, 161, 174, 99, 136, 205, 46, 83, 96, 133,
                170, 182, 107, 61, 129, 102, 91, 104, 141, 130, 178, 215, 108, 31, 68, 105, 105, 142, 179,
                159, 116, 154, 166, 63, 100, 113, 150, 187, 199, 41, 78, 146, 71, 108, 121, 158, 111, 195,
                232, 18, 48, 85, 122, 122, 159, 196, 97, 134, 171, 44, 81, 118, 130, 167, 204, 216, 58, 95,
                163, 89, 126, 138, 175, 128, 212, 249, 35, 65, 102, 139, 139, 176, 93, 114, 151, 88, 61, 98,
                135, 147, 184, 221, 94, 75, 112, 101, 106, 143, 155, 132, 145, 229, 87, 52, 82, 119, 156,
                156, 193, 63, 131, 168, 66, 78, 115, 128, 164, 201, 131, 55, 92, 105, 86, 123, 160, 136, 125,
                163, 139, 32, 69, 96, 133, 170, 170, 207, 76, 145, 182, 79, 92, 128, 110, 178, 215, 1, 69,
                106, 87, 100, 137, 174, 102, 139, 176, 9, 46, 83,
            ],
        ),
        (
            (7, 1),
            &[
                48, 85, 122, 159, 196, 233, 19, 56, 93, 130, 167, 204, 241, 27, 64, 101, 138, 175, 212, 249,
                35,
            ],
        ),
        ((1, 1), &[130, 167, 204]),
        (
            (14, 3),
            &[
                8, 45, 82, 36, 73, 110, 91, 128, 165, 147, 121, 158, 202, 51, 88, 195, 44, 81, 125, 99, 136,
                118, 134, 129, 173, 147, 59, 166, 140, 52, 96, 112, 107, 89, 126, 142, 144, 181, 155, 172,
                209, 162, 48, 85, 122, 76, 113, 150, 131, 168, 205, 124, 161, 198, 54, 91, 128, 47, 84, 121,
                102, 139, 176, 158, 132, 169, 213, 62, 99, 206, 55, 92, 136, 110, 147, 129, 166, 140, 184,
                221, 70, 212, 249, 35, 88, 125, 162, 116, 153, 127, 171, 208, 57, 164, 201, 50, 94, 131, 105,
                87, 124, 119, 142, 179, 91, 135, 172, 83, 65, 102, 97, 58, 95, 132, 113, 150, 187, 127, 143,
                180, 99, 73, 110, 84, 38, 75,
            ],
        ),
    ];
    for (size, pixels) in expected {
        assert_eq!(resized(&image, size), pixels, "{size:?}");
    }
}

#[test]
fn an_image_of_one_column_has_no_next() {
    let image = Image { width: 1, height: 1, pixels: vec![1, 2, 255] };
    assert_eq!(resized(&image, (2, 2)), [1, 2, 255].repeat(4));
}

proptest! {
    #[test]
    fn pixels_are_between_the_four_nearest(
        source in (1_u32..20, 1_u32..20), target in (1_u32..40, 1_u32..40), bytes in prop::collection::vec(any::<u8>(), 1200),
    ) {
        let length = (source.0 * source.1) as usize * CHANNELS;
        let image = Image { width: source.0, height: source.1, pixels: bytes[..length].to_vec() };
        let found = resized(&image, target);
        prop_assert_eq!(found.len(), (target.0 * target.1) as usize * CHANNELS);
        let at = |x: f64, y: f64, channel: usize| {
            let (x, y) = (x.clamp(0.0, f64::from(source.0 - 1)), y.clamp(0.0, f64::from(source.1 - 1)));
            f64::from(image.pixels[(y as usize * source.0 as usize + x as usize) * CHANNELS + channel])
        };
        for (index, byte) in found.iter().enumerate() {
            let (pixel, channel) = (index / CHANNELS, index % CHANNELS);
            let place = |index: usize, source: u32, target: u32| {
                (index as f64 + 0.5) * f64::from(source) / f64::from(target) - 0.5
            };
            let x = place(pixel % target.0 as usize, source.0, target.0);
            let y = place(pixel / target.0 as usize, source.1, target.1);
            let (left, top, right, below) = (x.floor(), y.floor(), x - x.floor(), y - y.floor());
            let row = |y: f64| at(left, y, channel) * (1.0 - right) + at(left + 1.0, y, channel) * right;
            let expected = row(top) * (1.0 - below) + row(top + 1.0) * below;
            prop_assert!((f64::from(*byte) - expected).abs() < 1.0, "{byte} at {index}, expected {expected}");
        }
    }
}
