//! The four outputs in both conventions.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{super::yolo_fixture::*, *};
use crate::{
    detection::Detection,
    model::{ClassSet, MAX_MASKS, MasksWanted, Model, Output, Outputs, Scratch},
    preprocess::Letterbox,
};

fn graph(convention: Convention, suffix: &str) -> GraphInfo {
    let names = NAMES.iter().find(|(named, _)| *named == convention).unwrap().1;
    let shapes: [&[Option<usize>]; 4] =
        [&[None, Some(2), Some(4)], &[None, Some(2)], &[None, Some(2)], &[None]];
    let outputs = names.iter().zip(shapes).map(|(name, shape)| port(&format!("{name}{suffix}"), shape));
    GraphInfo {
        inputs: vec![port("input", &[None, Some(32), Some(64), Some(3)])],
        outputs: outputs.collect(),
        ..GraphInfo::default()
    }
}

/// What is found in the second image of two: two boxes with their classes and scores 0.9 and 0.8, of which `count` are.
fn found(
    model: &Model,
    boxes: [[f32; 4]; 2],
    classes: [f32; 2],
    count: (&[usize], f32),
) -> Result<Vec<Detection>, OutputError> {
    let Family::Ssd(family) = &model.family else { panic!("{model}") };
    let boxes = [[[0.0; 4]; 2], boxes].concat().concat();
    let classes = [[1.0; 2], classes].concat();
    let (scores, counts) = ([0.9, 0.8, 0.9, 0.8], [0.0, count.1]);
    let (shapes, data): ([&[usize]; 4], [&[f32]; 4]) =
        ([&[2, 2, 4], &[2, 2], &[2, 2], count.0], [&boxes, &classes, &scores, &counts]);
    let outputs = family.outputs.iter().zip(shapes).zip(data);
    let outputs = outputs.map(|((name, shape), data)| Output { name, shape: shape.to_vec(), data });
    let outputs = Outputs(outputs.collect());
    let size = model.input.size();
    let letterbox = Letterbox::new(ResizeMode::Stretch, size, size);
    let image = ImageOutputs { outputs: &outputs, index: 1, letterbox: &letterbox, input: size };
    let classes = ClassSet::all();
    let query = Query {
        thresholds: THRESHOLDS,
        classes: &classes,
        vocabulary: &model.vocabulary,
        masks: Some(MasksWanted { above: 0.0, most: MAX_MASKS }),
    };
    let mut found = Vec::new();
    model.postprocess(&image, &query, &mut Scratch::default(), &mut found)?;
    Ok(found)
}

#[test]
fn tensorflow_counts_classes_from_1_and_names_rows_first() {
    for suffix in ["", ":0"] {
        let model = recognise(&graph(Convention::TensorFlow, suffix)).unwrap();
        assert_eq!((model.family.name(), model.input.resize), ("ssd", ResizeMode::Stretch));
        let boxes = [[0.0, 0.25, 0.5, 1.0], [0.5, 0.5, 0.75, 0.75]];
        let found = found(&model, boxes, [1.0, 18.0], (&[2], 2.0)).unwrap();
        assert_eq!(summary(&found), [(0, [16.0, 0.0, 64.0, 16.0]), (17, [32.0, 16.0, 48.0, 24.0])]);
    }
}

#[test]
fn efficient_nms_has_input_pixels() {
    let model = recognise(&graph(Convention::EfficientNms, "")).unwrap();
    assert_eq!((model.input.resize, model.input.std), (ResizeMode::LetterboxCentre, [255.0; 3]));
    let boxes = [[16.0, 0.0, 64.0, 16.0], [1.0, 2.0, 3.0, 4.0]];
    let found = found(&model, boxes, [0.0, 17.0], (&[2, 1], 2.0)).unwrap();
    assert_eq!(summary(&found), [(0, boxes[0]), (17, boxes[1])]);
}

#[test]
fn rows_beyond_the_number_hold_nothing() {
    let model = recognise(&graph(Convention::EfficientNms, "")).unwrap();
    let boxes = [[16.0, 0.0, 64.0, 16.0], [1.0, 2.0, 3.0, 4.0]];
    let of = |count: f32| found(&model, boxes, [0.0, 1.0], (&[2, 1], count)).map(|found| found.len());
    assert_eq!([of(0.0).unwrap(), of(1.0).unwrap(), of(2.0).unwrap(), of(100.0).unwrap()], [0, 1, 2, 2]);
    assert_eq!(of(-3.0).unwrap(), 0);
    assert!(of(f32::NAN).is_err());
    assert!(found(&model, boxes, [0.0, 1.0], (&[1, 2], 1.0)).is_err(), "two numbers for an image");
    assert_eq!(found(&model, boxes, [0.0, -1.0], (&[2], 2.0)).unwrap().len(), 1, "below 0 is no class");
}
