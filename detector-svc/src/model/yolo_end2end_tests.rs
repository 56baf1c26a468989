//! Boxes that the graph has selected.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::yolo_fixture::*;
use crate::model::ClassSet;

#[test]
fn rows_are_taken_as_they_are() {
    let model = recognise(&with_names(graph(Some(4), Some(6)), 3)).unwrap();
    let rows = [
        [1.0, 2.0, 11.0, 12.0, 0.5, 2.0],
        [1.0, 2.0, 11.0, 12.0, 0.9, 2.0],
        [1.0, 2.0, 11.0, 12.0, 0.1, 2.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ];
    let found = detect(&model, &[(&[4, 6], &rows.concat())], &ClassSet::all()).unwrap();
    assert_eq!(found.len(), 2, "overlapping boxes stay: {found:?}");
    assert_eq!(summary(&found)[0], (2, [1.0, 2.0, 11.0, 12.0]));
    assert!((found[0].confidence - 0.9).abs() < 1e-6);
    let cats: ClassSet = [0].into_iter().collect();
    assert!(detect(&model, &[(&[4, 6], &rows.concat())], &cats).unwrap().is_empty());
}

#[test]
fn a_class_without_a_label_is_the_models_failure_and_one_below_0_is_none() {
    let model = recognise(&with_names(graph(Some(4), Some(6)), 3)).unwrap();
    let found = |class: f32| {
        let rows = [[1.0, 2.0, 11.0, 12.0, 0.9, class], [0.0; 6], [0.0; 6], [0.0; 6]].concat();
        detect(&model, &[(&[4, 6], &rows)], &ClassSet::all())
    };
    let message = found(3.0).unwrap_err().to_string();
    assert!(message.contains("class 3") && message.contains("only 3 labels"), "{message}");
    assert!(found(f32::INFINITY).is_err() && found(f32::NAN).is_err());
    assert!(found(-1.0).unwrap().is_empty());
    assert_eq!(found(0.0).unwrap()[0].class_id, 0);
}

#[test]
fn without_names_classes_have_numbers() {
    let model = recognise(&graph(Some(300), Some(6))).unwrap();
    assert_eq!(model.labels().name(90), "class_90");
}

#[test]
fn masks_are_made_of_what_stands_behind_the_class() {
    let model = recognise(&with_prototypes(with_names(graph(Some(1), Some(7)), 3), 1)).unwrap();
    let row = [8.0, 12.0, 24.0, 20.0, 0.9, 0.0, 2.0];
    let found = |value: f32| {
        detect(&model, &[(&[1, 7], &row), (&[1, 8, 8], &[value; 64])], &ClassSet::all()).unwrap()
    };
    assert_eq!(found(1.0)[0].mask.as_ref().unwrap().area(), 16 * 8);
    assert_eq!(found(-1.0)[0].mask.as_ref().unwrap().area(), 0);
}
