//! What is drawn where, and that nothing else is.
#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    detection::{BoundingBox, TrackId},
    frame::{Encoding, FileFormat, Payload},
    image::{self, Limits},
    model::fixture::vocabulary,
};

const GREY: u8 = 90;

fn detection(corners: [f32; 4]) -> Detection {
    let [x_min, y_min, x_max, y_max] = corners;
    let bounding_box = BoundingBox { x_min, y_min, x_max, y_max };
    Detection { class_id: 0, confidence: 0.82, bounding_box, track_id: None, mask: None }
}

fn grey(width: u32, height: u32) -> Image {
    Image { width, height, pixels: vec![GREY; width as usize * height as usize * CHANNELS] }
}

fn pixel(image: &Image, x: u32, y: u32) -> [u8; CHANNELS] {
    let start = (y * image.width + x) as usize * CHANNELS;
    image.pixels[start..start + CHANNELS].try_into().unwrap()
}

fn annotated(width: u32, height: u32, detections: &[Detection]) -> Image {
    let mut image = grey(width, height);
    Annotator::new().annotate(&mut image, ColorOrder::Rgb, detections, &vocabulary(&["cat", "dog"]).labels);
    image
}

fn encoded(image: &Image, order: ColorOrder) -> Image {
    let file = Annotator::new().encode(image, order).unwrap();
    let payload =
        Payload { bytes: Bytes::from(file), base64: false, encoding: Encoding::File(FileFormat::Jpeg) };
    image::decode(&payload, order, Limits { max_side: 10_000, max_pixels: 50_000_000 }).unwrap()
}

#[test]
fn a_box_has_its_line_inside_and_is_empty() {
    let image = annotated(700, 600, &[detection([100.0, 200.0, 300.0, 400.0])]);
    let line = pixel(&image, 100, 300);
    assert_ne!(line, [GREY; 3]);
    let columns: Vec<_> = (0..700).filter(|x| pixel(&image, *x, 300) == line).collect();
    assert_eq!(columns, [100, 101, 298, 299]);
    let rows: Vec<_> = (0..600).filter(|y| pixel(&image, 299, *y) == line).collect();
    assert_eq!(rows, (200..400).collect::<Vec<_>>());
    assert_eq!(pixel(&image, 200, 300), [GREY; 3], "inside");
    assert_eq!(pixel(&image, 200, 450), [GREY; 3], "below");
}

#[test]
fn the_caption_lies_on_the_box_and_has_letters() {
    let image = annotated(700, 600, &[detection([100.0, 200.0, 300.0, 400.0])]);
    let ground = pixel(&image, 100, 300);
    let rows = 200 - 15..200;
    assert!(
        rows.clone().all(|y| pixel(&image, 100, y) == ground),
        "the ground begins at the box's left edge"
    );
    let letters = rows.flat_map(|y| (100..180).map(move |x| (x, y))).filter(|&(x, y)| {
        let color = pixel(&image, x, y);
        color == [0; 3] || color == [255; 3]
    });
    assert!((50..600).contains(&letters.count()));
}

#[test]
fn classes_and_objects_have_colours_of_their_own_that_stay() {
    let corners = [50.0, 50.0, 150.0, 150.0];
    let color = |class_id, track: Option<u64>| {
        let found = Detection { class_id, track_id: track.map(TrackId), ..detection(corners) };
        pixel(&annotated(200, 200, &[found]), 50, 100)
    };
    assert_eq!(color(1, None), color(1, None));
    assert_ne!(color(0, None), color(1, None));
    assert_eq!(color(0, Some(4)), color(1, Some(4)));
    assert_ne!(color(0, Some(4)), color(0, Some(5)));
}

#[test]
fn the_first_detection_lies_on_top() {
    let corners = [50.0, 50.0, 150.0, 150.0];
    let (first, second) = (detection(corners), Detection { class_id: 1, ..detection(corners) });
    let line = |detections: &[Detection]| pixel(&annotated(200, 200, detections), 50, 100);
    let both = [first, second];
    let turned = [both[1].clone(), both[0].clone()];
    assert_eq!(line(&both), line(&both[..1]));
    assert_eq!(line(&turned), line(&turned[..1]));
}

#[test]
fn the_order_of_the_channels_changes_nothing_else() {
    let detections = [detection([10.0, 30.0, 90.0, 80.0])];
    let mut rgb = annotated(100, 100, &detections);
    let mut bgr = grey(100, 100);
    Annotator::new().annotate(&mut bgr, ColorOrder::Bgr, &detections, &vocabulary(&["cat", "dog"]).labels);
    assert_ne!(rgb, bgr);
    rgb.pixels.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.swap(0, 2));
    assert_eq!(rgb, bgr);
}

#[test]
fn what_is_outside_is_cut_off_and_what_is_no_box_is_left_out() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    for nothing in [
        [nan, 0.0, 50.0, 50.0],
        [0.0, 0.0, 50.0, nan],
        [nan; 4],
        [60.0, 10.0, 20.0, 50.0],
        [200.0, 10.0, 300.0, 50.0],
        [-50.0, -50.0, 0.0, 0.0],
        [inf, inf, -inf, -inf],
    ] {
        assert_eq!(annotated(100, 100, &[detection(nothing)]), grey(100, 100), "{nothing:?}");
    }
    let whole = annotated(100, 100, &[detection([0.0, 0.0, 100.0, 100.0])]);
    assert_eq!(annotated(100, 100, &[detection([-inf, -1e30, f32::MAX, inf])]), whole);
    assert_eq!(pixel(&whole, 99, 50), pixel(&whole, 0, 50));
    assert_ne!(pixel(&whole, 99, 99), [GREY; 3]);
}

#[test]
fn letters_that_the_font_lacks_are_replaced() {
    let draw = |label| {
        let mut image = grey(300, 100);
        let found = [detection([10.0, 40.0, 290.0, 90.0])];
        Annotator::new().annotate(&mut image, ColorOrder::Rgb, &found, &vocabulary(&[label]).labels);
        image
    };
    assert_eq!(draw("猫 🐈"), draw("? ?"));
    assert_eq!(draw("a\u{0}\r\nb"), draw("a???b"));
    assert_ne!(draw("Bär"), draw("B?r"));
}

#[test]
fn an_image_too_small_for_a_caption_or_of_another_size_than_its_buffer_is_drawn_on_as_far_as_it_goes() {
    for (width, height) in [(1, 1), (5, 3), (3, 200), (200, 3)] {
        assert_ne!(annotated(width, height, &[detection([0.0, 0.0, 2.0, 2.0])]), grey(width, height));
    }
    for pixels in [vec![], vec![GREY; 10], vec![GREY; 100_000]] {
        let mut image = Image { width: 100, height: 100, pixels };
        let found = [detection([10.0, 40.0, 90.0, 90.0])];
        Annotator::new().annotate(&mut image, ColorOrder::Rgb, &found, &vocabulary(&["cat"]).labels);
    }
}

#[test]
fn an_encoded_image_decodes_to_nearly_the_same() {
    for order in [ColorOrder::Rgb, ColorOrder::Bgr] {
        let mut image = grey(101, 67);
        for (index, pixel) in image.pixels.chunks_exact_mut(CHANNELS).enumerate() {
            pixel.copy_from_slice(if index % 101 < 50 { &[200, 40, 30] } else { &[30, 90, 210] });
        }
        let decoded = encoded(&image, order);
        assert_eq!((decoded.width, decoded.height), (101, 67));
        for (x, y) in [(5, 5), (30, 60), (70, 10), (99, 65)] {
            let (before, after) = (pixel(&image, x, y), pixel(&decoded, x, y));
            let near = before.iter().zip(after).all(|(before, after)| before.abs_diff(after) <= 6);
            assert!(near, "{order:?} at {x}, {y}: {before:?} became {after:?}");
        }
    }
}

#[test]
fn an_image_that_no_jpeg_file_can_hold_is_refused() {
    let mut annotator = Annotator::new();
    for (width, height) in [(0, 5), (5, 0), (65_536, 1)] {
        let error = annotator.encode(&grey(width, height), ColorOrder::Rgb).unwrap_err();
        assert!(error.to_string().contains(&format!("{width}x{height}")), "{error}");
    }
    for length in [0, 74, 76] {
        let image = Image { width: 5, height: 5, pixels: vec![0; length] };
        let error = annotator.encode(&image, ColorOrder::Rgb).unwrap_err();
        assert!(matches!(error, AnnotateError::Buffer { actual, .. } if actual == length), "{error}");
    }
    assert!(annotator.encode(&grey(5, 5), ColorOrder::Rgb).is_ok(), "it is as good as new after an error");
}

/// A coordinate that is often in the image, and anything at all now and then.
fn coordinate() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -20.0f32..80.0, 1 => any::<f32>()]
}

proptest! {
    #[test]
    fn any_boxes_change_only_their_lines_and_captions(
        size in (1u32..60, 1u32..60),
        corners in prop::collection::vec(prop::array::uniform4(coordinate()), 0..6),
        label in any::<String>(), confidence: f32, track: Option<u64>,
    ) {
        let found: Vec<_> = corners
            .iter()
            .map(|&corners| Detection { confidence, track_id: track.map(TrackId), ..detection(corners) })
            .collect();
        let mut image = grey(size.0, size.1);
        let length = image.pixels.len();
        Annotator::new().annotate(&mut image, ColorOrder::Bgr, &found, &vocabulary(&[&label]).labels);
        prop_assert_eq!(image.pixels.len(), length);
        let drawn = image.pixels.iter().any(|byte| *byte != GREY);
        let visible = corners.iter().any(|[x_min, y_min, x_max, y_max]| {
            x_min < x_max && y_min < y_max
                && *x_min < size.0 as f32 && *x_max > 0.0 && *y_min < size.1 as f32 && *y_max > 0.0
        });
        prop_assert_eq!(drawn, visible);
    }
}
