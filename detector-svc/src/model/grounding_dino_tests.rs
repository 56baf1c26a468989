//! Scores of words become objects.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{ClassSet, Output, Outputs, Prompt, Thresholds, Vocabulary, fixture},
    preprocess::Letterbox,
};

/// Of "[CLS] a cat . dog . [SEP]", padded.
fn vocabulary() -> Vocabulary {
    let prompt = Prompt { rows: 1, columns: 7, spans: vec![1..3, 4..5], ..Prompt::default() };
    Vocabulary { prompt: Some(prompt), ..fixture::vocabulary(&["a cat", "dog"]) }
}

fn find(rows: &[[f32; 8]], thresholds: (f32, f32)) -> Result<Vec<(usize, usize, f32)>, OutputError> {
    let (logits, boxes) = (rows.concat(), vec![0.5; rows.len() * 4]);
    let outputs = Outputs(vec![
        Output { name: "logits", shape: vec![1, rows.len(), 8], data: &logits },
        Output { name: "pred_boxes", shape: vec![1, rows.len(), 4], data: &boxes },
    ]);
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (8, 8));
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
    let thresholds =
        Thresholds { confidence: thresholds.0, iou: 1.0, text: thresholds.1, max_detections: 10 };
    let vocabulary = vocabulary();
    let query = Query { thresholds, classes: &ClassSet::all(), vocabulary: &vocabulary, masks: None };
    let mut found = Vec::new();
    GroundingDino { masked: false }.candidates(&image, &query, &mut found)?;
    Ok(found.iter().map(|found| (found.row, found.class_id, found.confidence)).collect())
}

const NO: f32 = f32::NEG_INFINITY;

#[test]
fn an_object_is_what_its_best_word_says() {
    let rows = [
        [-9.0, 1.0, 2.0, -9.0, 1.5, -9.0, -9.0, NO],
        [-9.0, -2.0, -1.0, -9.0, 3.0, -9.0, -9.0, NO],
        [-9.0, -2.0, -1.0, -9.0, -3.0, -9.0, -9.0, NO],
    ];
    let found = find(&rows, (0.5, 0.25)).unwrap();
    assert_eq!(found.iter().map(|found| (found.0, found.1)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    assert!((found[0].2 - 0.880_797).abs() < 1e-6);
}

#[test]
fn an_object_that_no_word_describes_well_enough_is_none() {
    // The full stop scores well, the words do not.
    let row = [-9.0, -2.0, 0.0, 4.0, -1.0, -9.0, -9.0, NO];
    assert_eq!(find(&[row], (0.5, 0.6)).unwrap(), []);
    let found = find(&[row], (0.5, 0.4)).unwrap();
    assert_eq!((found[0].1, found.len()), (0, 1));
    assert!(found[0].2 > 0.98, "a box counts by its best token");
}
