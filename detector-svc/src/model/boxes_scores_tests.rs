//! What is found in outputs, as the reference in Python would, and nothing in those that make no sense.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    detection::Detection,
    model::{ClassSet, Output, Outputs, Scratch, Thresholds, fixture, nms},
    preprocess::{Letterbox, ResizeMode},
};

const THRESHOLDS: Thresholds = Thresholds { confidence: 0.35, iou: 0.6, text: 0.0, max_detections: 100 };

/// Image `index` of a batch whose images have `rows` boxes each and scores for two classes; an image of 200x100
/// pixels takes the upper half of an input of 100x100.
fn read(
    (boxes, scores): (&[f32], &[f32]),
    (rows, index): (usize, usize),
    thresholds: Thresholds,
    classes: &ClassSet,
) -> Result<Vec<Detection>, OutputError> {
    let outputs = Outputs(vec![
        Output { name: "scores", shape: vec![scores.len() / rows / 2, rows, 2], data: scores },
        Output { name: "boxes", shape: vec![boxes.len() / rows / 4, rows, 4], data: boxes },
    ]);
    let letterbox = Letterbox::new(ResizeMode::LetterboxTopLeft, (200, 100), (100, 100));
    let image = ImageOutputs { outputs: &outputs, index, letterbox: &letterbox, input: (100, 100) };
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    let model = fixture::model(&["cat", "dog"]);
    let query = Query { thresholds, classes, vocabulary: &model.vocabulary, masks: None };
    model.postprocess(&image, &query, &mut scratch, &mut found)?;
    Ok(found)
}

fn run(boxes: &[f32], scores: &[f32], index: usize) -> Result<Vec<Detection>, OutputError> {
    read((boxes, scores), (2, index), THRESHOLDS, &ClassSet::all())
}

#[test]
fn boxes_come_back_in_source_pixels_most_confident_first() {
    let found = run(&[0.0, 0.0, 10.0, 10.0, 50.0, 20.0, 60.0, 40.0], &[0.4, 0.0, 0.1, 0.9], 0).unwrap();
    assert_eq!(found.iter().map(|d| d.class_id).collect::<Vec<_>>(), [1, 0]);
    assert!(
        (found[0].bounding_box.x_max - 120.0).abs() < 1e-4
            && (found[0].bounding_box.y_max - 80.0).abs() < 1e-4
    );
}

#[test]
fn each_image_of_a_batch_reads_its_own_part() {
    let boxes: Vec<f32> = [[0.0, 0.0, 1.0, 1.0]; 4].concat();
    let scores = [0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(run(&boxes, &scores, 0).unwrap().len(), 1);
    assert_eq!(run(&boxes, &scores, 1).unwrap().len(), 0);
    assert!(run(&boxes, &scores, 2).is_err());
}

#[test]
fn values_that_are_no_numbers_are_the_models_failure() {
    let square = [0.0, 0.0, 10.0, 10.0];
    let nothing = ([0.0, 0.0, 10.0, 10.0], [0.0, 0.0]);
    for (corners, scores) in [
        ([f32::NAN; 4], [0.9, 0.1]),
        ([0.0, 0.0, f32::INFINITY, 10.0], [0.9, 0.1]),
        ([f32::NEG_INFINITY, 0.0, 10.0, 10.0], [0.9, 0.1]),
        (square, [0.9, f32::NAN]),
        (square, [f32::NAN, f32::NAN]),
    ] {
        let boxes = [corners, nothing.0].concat();
        let error = run(&boxes, &[scores, nothing.1].concat(), 0).unwrap_err();
        assert!(
            matches!(error, OutputError::NotANumber(_) | OutputError::Infinite),
            "{corners:?} with {scores:?}: {error}"
        );
    }
    assert_eq!(run(&[square, nothing.0].concat(), &[0.9, 0.1, 0.0, 0.0], 0).unwrap().len(), 1);
}

#[test]
fn boxes_are_suppressed_before_they_are_cut_at_the_images_edge() {
    // They overlap by half, and by all of what lies in the image: two objects, says the reference.
    let boxes = [0.0, 0.0, 10.0, 50.0, 0.0, 0.0, 10.0, 100.0];
    let found = run(&boxes, &[0.9, 0.0, 0.8, 0.0], 0).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].bounding_box, found[1].bounding_box);
}

#[test]
fn a_box_in_the_padding_neither_counts_nor_takes_a_place() {
    let boxes = [0.0, 60.0, 10.0, 90.0, 0.0, 0.0, 10.0, 10.0];
    let one = Thresholds { max_detections: 1, ..THRESHOLDS };
    let found = read((&boxes, &[0.9, 0.0, 0.8, 0.0]), (2, 0), one, &ClassSet::all()).unwrap();
    assert_eq!(found.iter().map(|found| found.confidence).collect::<Vec<_>>(), [0.8]);
}

#[test]
fn classes_are_chosen_before_the_least_confident_are_cut_off() {
    let rows = nms::MAX_CANDIDATES + 1;
    let boxes: Vec<f32> =
        (0..rows).flat_map(|row| [0.0, 0.0, 1.0, 1.0].map(|side| side + row as f32 * 0.01)).collect();
    let mut scores = [0.9, 0.0].repeat(rows);
    scores[1] = 0.5;
    let dogs: ClassSet = [1].into_iter().collect();
    let found = read((&boxes, &scores), (rows, 0), THRESHOLDS, &dogs).unwrap();
    assert_eq!(found.iter().map(|found| found.class_id).collect::<Vec<_>>(), [1]);
    assert!(read((&boxes, &scores), (rows, 0), THRESHOLDS, &ClassSet::all()).unwrap().len() > 1);
}
