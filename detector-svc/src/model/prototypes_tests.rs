//! Only what a box needs is worked out, and it is what working out everything would give.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::{
    model::{Output, Outputs},
    preprocess::{Letterbox, ResizeMode},
};

const COUNT: usize = 3;

fn candidate(corners: [f32; 4]) -> Candidate {
    Candidate { class_id: 0, confidence: 1.0, corners, row: 0 }
}

/// All sums, what the padding holds replaced by the nearest cell of the image.
fn naive(planes: &Planes<'_>, coefficients: &[f32], letterbox: &Letterbox, input: (u32, u32)) -> Vec<f32> {
    let nearest = |cell: usize, cells: usize, side: u32, offset: u32, scaled: u32| {
        let begins =
            (0..cells).position(|c| (c + 1) as f32 * side as f32 / cells as f32 > offset as f32).unwrap();
        let ends = (0..cells)
            .rposition(|c| c as f32 * side as f32 / (cells as f32) < (offset + scaled) as f32)
            .unwrap();
        cell.clamp(begins, ends)
    };
    let (offset, scaled) = (letterbox.offset(), letterbox.scaled_size());
    let mut values = Vec::new();
    for y in 0..planes.rows {
        for x in 0..planes.columns {
            let from_x = nearest(x, planes.columns, input.0, offset.0, scaled.0);
            let from_y = nearest(y, planes.rows, input.1, offset.1, scaled.1);
            let mut sum = 0.0;
            for (plane, coefficient) in coefficients.iter().enumerate() {
                sum += planes.plane(plane).row(from_y)[from_x] * coefficient;
            }
            values.push(sum);
        }
    }
    values
}

proptest! {
    #[test]
    fn a_mask_is_that_of_all_cells_within_the_box(
        source in (1_u32..90, 1_u32..90), input in (1_u32..9, 1_u32..9), cell in prop_oneof![Just(4_u32), Just(8)],
        centre: bool, parts in (-0.1_f32..0.9, -0.1_f32..0.9, 0.12_f32..1.2, 0.12_f32..1.2),
        values in prop::collection::vec(-8_i8..8, COUNT * 16 * 16), coefficients: [i8; COUNT],
    ) {
        let input = (input.0 * 8, input.1 * 8);
        let (width, height) = ((input.0 / cell) as usize, (input.1 / cell) as usize);
        let values: Vec<f32> = values[..COUNT * width * height].iter().map(|value| f32::from(*value)).collect();
        let coefficients = coefficients.map(f32::from);
        let mode = if centre { ResizeMode::LetterboxCentre } else { ResizeMode::LetterboxTopLeft };
        let letterbox = Letterbox::new(mode, source, input);
        let shape = vec![1, COUNT, height, width];
        let outputs = Outputs(vec![Output { name: "output1", shape, data: &values }]);
        let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input };
        let prototypes = Prototypes { output: "output1".into(), count: COUNT };
        let at = |x: f32, y: f32| letterbox.to_input(x * source.0 as f32, y * source.1 as f32);
        let (start, end) = (at(parts.0, parts.1), at(parts.0 + parts.2, parts.1 + parts.3));
        let corners = [start.0, start.1, end.0, end.1];
        let bounds = letterbox.to_source(corners);
        prop_assume!(bounds.area() > 0.0);
        let region = Region::around(&bounds, source.0, source.1);

        let mask = prototypes.mask(&image, &coefficients, &candidate(corners), region).unwrap();
        let all = naive(&image.planes("output1").unwrap(), &coefficients, &letterbox, input);
        let logits = Logits { width, height, values: &all };
        let whole = Region { x: 0, y: 0, width: source.0, height: source.1 };
        let expected = Mask::from_logits(logits, &letterbox, input, whole);
        for y in 0..source.1 {
            for x in 0..source.0 {
                let in_box = x as f32 >= bounds.x_min && (x as f32) < bounds.x_max
                    && y as f32 >= bounds.y_min && (y as f32) < bounds.y_max;
                let expected = in_box && expected.pixels[(y * source.0 + x) as usize];
                let at = || {
                    let (x, y) = (x.checked_sub(mask.region.x)?, y.checked_sub(mask.region.y)?);
                    let inside = x < mask.region.width && y < mask.region.height;
                    inside.then(|| mask.pixels[(y * mask.region.width + x) as usize])
                };
                prop_assert_eq!(at().unwrap_or(false), expected, "at {} {} of {:?}", x, y, &mask.region);
            }
        }
    }
}

#[test]
fn prototypes_of_another_number_or_size_are_refused() {
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (8, 8));
    for shape in [[1, 2, 2, 2], [1, COUNT, 0, 2], [1, COUNT, 2, 0]] {
        let data = vec![1.0; shape.iter().product()];
        let outputs = Outputs(vec![Output { name: "output1", shape: shape.to_vec(), data: &data }]);
        let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
        let prototypes = Prototypes { output: "output1".into(), count: COUNT };
        let region = Region { x: 0, y: 0, width: 8, height: 8 };
        let whole = candidate([0.0, 0.0, 8.0, 8.0]);
        let error = prototypes.mask(&image, &[1.0; COUNT], &whole, region).unwrap_err();
        assert!(matches!(error, OutputError::Shape { .. }), "{error}");
    }
}
