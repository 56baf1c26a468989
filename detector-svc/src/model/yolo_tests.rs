//! Columns and rows of boxes, as a decoder that looks at one number after the other reads them.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{super::yolo_fixture::*, *};
use crate::model::{ClassSet, Model, Output, Outputs, Thresholds, Vocabulary};
use crate::preprocess::{Letterbox, ResizeMode};

fn model(classes: usize) -> Model {
    recognise(&graph(Some(4 + classes), Some(CELLS))).unwrap()
}

/// Boxes as rows: empty but for the first.
fn boxes(first: &[f32]) -> Vec<Vec<f32>> {
    let mut rows = vec![vec![0.0; first.len()]; CELLS];
    rows[0] = first.to_vec();
    rows
}

#[test]
fn a_box_is_a_column() {
    let data = transposed(&boxes(&[10.0, 16.0, 4.0, 8.0, 0.4, 0.9]));
    let found = detect(&model(2), &[(&[6, CELLS], &data)], &ClassSet::all()).unwrap();
    assert_eq!(summary(&found), [(1, [8.0, 12.0, 12.0, 20.0])], "its likeliest class only");
    let cats: ClassSet = [0].into_iter().collect();
    assert!(detect(&model(2), &[(&[6, CELLS], &data)], &cats).unwrap().is_empty(), "it is no cat");
}

#[test]
fn or_a_row_if_the_graph_turns_them() {
    let model = recognise(&with_names(graph(Some(CELLS), Some(6)), 2)).unwrap();
    assert_eq!(model.family.name(), "yolo");
    let data = boxes(&[10.0, 16.0, 4.0, 8.0, 0.4, 0.9]).concat();
    let found = detect(&model, &[(&[CELLS, 6], &data)], &ClassSet::all()).unwrap();
    assert_eq!(summary(&found), [(1, [8.0, 12.0, 12.0, 20.0])]);
}

#[test]
fn dimensions_that_the_graph_leaves_open_are_seen_in_the_outputs() {
    let model = named("yolo", &with_names(graph(None, None), 2)).unwrap();
    let rows = boxes(&[10.0, 16.0, 4.0, 8.0, 0.4, 0.9]);
    let as_columns = detect(&model, &[(&[6, CELLS], &transposed(&rows))], &ClassSet::all()).unwrap();
    let as_rows = detect(&model, &[(&[CELLS, 6], &rows.concat())], &ClassSet::all()).unwrap();
    assert_eq!((as_columns.len(), &as_columns), (1, &as_rows));
    let message = detect(&model, &[(&[7, 3], &[0.0; 21])], &ClassSet::all()).unwrap_err().to_string();
    assert!(message.contains("[7, 3]") && message.contains("6 values a box"), "{message}");
}

#[test]
fn what_is_no_number_anywhere_is_the_models_failure() {
    for layout in [&[6, CELLS], &[CELLS, 6]] {
        let model = named("yolo", &with_names(graph(None, None), 2)).unwrap();
        for place in 0..6 * CELLS {
            let mut data = vec![0.0; 6 * CELLS];
            data[place] = f32::NAN;
            let error = detect(&model, &[(layout, &data)], &ClassSet::all()).unwrap_err();
            assert!(matches!(error, OutputError::NotANumber(_)), "{place}: {error}");
        }
    }
}

#[test]
fn masks_are_made_of_what_stands_behind_the_scores() {
    let model = recognise(&with_prototypes(graph(Some(4 + 2 + 2), Some(CELLS)), 2)).unwrap();
    assert!(model.has_masks() && model.labels().len() == 2);
    let data = transposed(&boxes(&[16.0, 16.0, 16.0, 8.0, 0.9, 0.1, 2.0, -1.0]));
    // Twice the left half less the upper half: above 0 on the left.
    let left = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0].repeat(8);
    let upper: Vec<f32> = (0..64).map(|cell| if cell < 32 { 1.0 } else { 0.0 }).collect();
    let planes = [left, upper].concat();
    let found = detect(&model, &[(&[8, CELLS], &data), (&[2, 8, 8], &planes)], &ClassSet::all()).unwrap();
    let mask = found[0].mask.as_ref().unwrap();
    assert_eq!(mask.region, Region { x: 8, y: 12, width: 16, height: 8 });
    let lower_row = &mask.pixels[7 * 16..];
    assert!(lower_row[..8].iter().all(|inside| *inside) && !lower_row[10..].iter().any(|inside| *inside));
    let broken = [&planes[..127], &[f32::NAN]].concat();
    assert!(detect(&model, &[(&[8, CELLS], &data), (&[2, 8, 8], &broken)], &ClassSet::all()).is_ok());
    let broken = vec![f32::INFINITY; 128];
    let error = detect(&model, &[(&[8, CELLS], &data), (&[2, 8, 8], &broken)], &ClassSet::all()).unwrap_err();
    assert!(error.to_string().contains("output1"), "{error}");
}

/// Candidates of rows `x, y, width, height, scores, …` one number after the other.
fn naive(rows: &[Vec<f32>], classes: usize, least: f32) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (row, values) in rows.iter().enumerate() {
        let mut best = 0;
        for class in 0..classes {
            if values[4 + class] > values[4 + best] {
                best = class;
            }
        }
        if values[4 + best] > least {
            let [x, y, w, h] = [values[0], values[1], values[2], values[3]];
            let corners = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
            found.push(Candidate { class_id: best, confidence: values[4 + best], corners, row });
        }
    }
    found
}

/// What the family reads in an output of these dimensions.
fn candidates(family: &Yolo, shape: [usize; 2], data: &[f32], least: f32) -> Vec<Candidate> {
    let outputs = Outputs(vec![Output { name: "output0", shape: vec![1, shape[0], shape[1]], data }]);
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (8, 8));
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
    let thresholds = Thresholds { confidence: least, ..THRESHOLDS };
    let (classes, vocabulary) = (ClassSet::all(), Vocabulary::default());
    let query = Query { thresholds, classes: &classes, vocabulary: &vocabulary, masks: None };
    let mut found = Vec::new();
    family.candidates(&image, &query, &mut found).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_layouts_are_read_as_the_naive_decoder_reads_them(
        classes in 1_usize..20, boxes in prop_oneof![1_usize..40, 1000_usize..2100], seed: u64, rare in 1_u64..200,
    ) {
        // Multiples of 1/64, most of them low, so that scores are alike now and then.
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let rows: Vec<Vec<f32>> = (0..boxes)
            .map(|_| (0..4 + classes).map(|_| (next() % if next() % rare == 0 { 64 } else { 20 }) as f32 / 64.0).collect())
            .collect();
        let family = Yolo { output: "output0".into(), classes, prototypes: None };
        let expected = naive(&rows, classes, 0.35);
        let columns = candidates(&family, [4 + classes, boxes], &transposed(&rows), 0.35);
        prop_assert_eq!(&columns, &expected);
        // As many boxes as values: taken for columns.
        if boxes != 4 + classes {
            prop_assert_eq!(&candidates(&family, [boxes, 4 + classes], &rows.concat(), 0.35), &expected);
        }
    }
}
