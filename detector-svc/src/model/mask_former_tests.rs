//! What is found by classes and masks together.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{ClassSet, MAX_MASKS, MasksWanted, Output, Outputs, Thresholds, Vocabulary},
    preprocess::Letterbox,
};

/// Logits of two classes and no object, and of a mask of 2x2 cells, for each query.
const QUERIES: [([f32; 3], [f32; 4]); 3] = [
    ([2.0, 1.9, -9.0], [9.0, -9.0, 9.0, -9.0]),
    ([9.0, -9.0, -9.0], [-9.0; 4]),
    ([-9.0, 9.0, -9.0], [-9.0, -9.0, -9.0, 0.1]),
];

fn with_outputs<T>(
    masks: &[f32],
    read: impl FnOnce(&ImageOutputs<'_>) -> Result<T, OutputError>,
) -> Result<T, OutputError> {
    let classes = QUERIES.map(|(classes, _)| classes).concat();
    let outputs = Outputs(vec![
        Output { name: CLASSES, shape: vec![1, 3, 3], data: &classes },
        Output { name: MASKS, shape: vec![1, 3, 2, 2], data: masks },
    ]);
    let letterbox = Letterbox::new(ResizeMode::Stretch, (20, 10), (8, 8));
    read(&ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) })
}

fn find(family: MaskFormer, masks: &[f32]) -> Result<Vec<Candidate>, OutputError> {
    with_outputs(masks, |image| {
        let thresholds = Thresholds { confidence: 0.4, iou: 1.0, text: 0.0, max_detections: 300 };
        let (classes, vocabulary) = (ClassSet::all(), Vocabulary::default());
        let query = Query {
            thresholds,
            classes: &classes,
            vocabulary: &vocabulary,
            masks: Some(MasksWanted { above: 0.0, most: MAX_MASKS }),
        };
        let mut found = Vec::new();
        family.candidates(image, &query, &mut found).map(|()| found)
    })
}

#[test]
fn a_score_is_that_of_the_class_and_the_mask() {
    let found = find(MaskFormer { side: None }, &QUERIES.map(|(_, mask)| mask).concat()).unwrap();
    // Three pairs are looked at; one of them has an empty mask, and the best class of the first query alone is left.
    assert_eq!(found.iter().map(|found| (found.row, found.class_id)).collect::<Vec<_>>(), [(0, 0), (2, 1)]);
    assert_eq!(found[0].corners, [0.0, 0.0, 4.0, 8.0]);
    assert_eq!(found[1].corners, [4.0, 4.0, 8.0, 8.0]);
    assert!((found[0].confidence - 0.525).abs() < 1e-3 && (found[1].confidence - 0.525).abs() < 1e-3);
}

#[test]
fn masks_are_made_in_the_grid_of_the_family() {
    let masks = QUERIES.map(|(_, mask)| mask).concat();
    let area = |side| {
        let candidate = Candidate { class_id: 1, confidence: 0.5, corners: [0.0; 4], row: 0 };
        let region = Region { x: 0, y: 0, width: 20, height: 10 };
        let mask = with_outputs(&masks, |image| MaskFormer { side }.mask(image, &candidate, region));
        mask.unwrap().unwrap().area()
    };
    assert_eq!((area(None), area(Some(384))), (100, 100));
    assert_eq!(area(Some(5)), 80, "the cell in the middle, at 0, is not the object's");
}

#[test]
fn masks_that_are_no_numbers_are_the_models_failure() {
    let error = find(MaskFormer { side: None }, &[f32::NAN; 12]).unwrap_err();
    assert!(matches!(error, OutputError::NotANumber(_)), "{error}");
}
