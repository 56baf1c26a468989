//! Exports that choose boxes themselves are told from those that do not, and read.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{ClassSet, GraphInfo, Model, ModelError, ModelOptions, Output, Port, Thresholds, fixture},
    preprocess::Letterbox,
};

fn port(name: &str, dimensions: &[Option<usize>]) -> Port {
    Port { name: name.into(), element: "float32".into(), dimensions: dimensions.to_vec() }
}

fn recognise(images: Option<usize>, outputs: [&[Option<usize>]; 3]) -> Result<Model, ModelError> {
    let names = [LABELS, BOXES, SCORES];
    let graph = GraphInfo {
        inputs: vec![port("images", &[images, Some(3), Some(64), Some(64)])],
        outputs: names.iter().zip(outputs).map(|(name, dimensions)| port(name, dimensions)).collect(),
        ..GraphInfo::default()
    };
    Model::recognise("pets", &graph, &ModelOptions::default())
}

#[test]
fn the_batch_may_be_left_out_where_there_is_none() {
    let batched: [&[_]; 3] = [&[None, Some(9)], &[None, Some(9), Some(4)], &[None, Some(9)]];
    let single: [&[_]; 3] = [&[None], &[None, Some(4)], &[None]];
    let batched = recognise(None, batched).unwrap();
    assert_eq!((batched.family.name(), batched.labels().name(7)), ("detr_deploy", "class_7"));
    assert_eq!(recognise(Some(1), single).unwrap().family.name(), "detr_deploy");
    assert!(matches!(recognise(None, single), Err(ModelError::Unrecognised { .. })));
}

#[test]
fn scores_of_every_class_are_another_family() {
    let outputs: [&[_]; 3] = [&[None, Some(9)], &[None, Some(9), Some(4)], &[None, Some(9), Some(3)]];
    assert_eq!(recognise(None, outputs).unwrap().family.name(), "boxes_scores");
}

/// Rows and classes that are found in the outputs for one image.
fn read(batched: bool, labels: &[f32], scores: &[f32]) -> Result<Vec<(usize, usize)>, OutputError> {
    let boxes = vec![1.0; scores.len() * 4];
    let shape = |last: &[usize]| {
        let batch: &[usize] = if batched { &[1] } else { &[] };
        [batch, last].concat()
    };
    let outputs = Outputs(vec![
        Output { name: SCORES, shape: shape(&[scores.len()]), data: scores },
        Output { name: LABELS, shape: shape(&[labels.len()]), data: labels },
        Output { name: BOXES, shape: shape(&[scores.len(), 4]), data: &boxes },
    ]);
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (8, 8));
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
    let thresholds = Thresholds { confidence: 0.5, iou: 1.0, text: 0.0, max_detections: 300 };
    let (classes, vocabulary) = (
        [0, 1, 2].into_iter().collect::<ClassSet>(),
        fixture::vocabulary(&["a", "b", "c", "d", "e", "f", "g", "h"]),
    );
    let query = Query { thresholds, classes: &classes, vocabulary: &vocabulary, masks: None };
    let mut found = Vec::new();
    DetrDeploy { batched }.candidates(&image, &query, &mut found)?;
    Ok(found.into_iter().map(|found| (found.row, found.class_id)).collect())
}

#[test]
fn what_scores_enough_and_is_wanted_is_found() {
    for batched in [true, false] {
        let found = read(batched, &[2.0, 7.0, 1.0, -1.0], &[0.9, 0.8, 0.5, 0.9]).unwrap();
        assert_eq!(found, [(0, 2)]);
        assert_eq!(read(batched, &[], &[]).unwrap(), []);
        assert!(read(batched, &[2.0], &[0.9, 0.8]).unwrap_err().to_string().contains("`boxes`"));
        assert!(read(batched, &[2.0], &[f32::NAN]).is_err());
    }
}
