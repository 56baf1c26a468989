//! Objectness times score, three boxes a cell.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{super::yolo_fixture::*, *};
use crate::model::{ClassSet, Matrix, Query, Vocabulary};

#[test]
fn a_box_is_as_sure_as_that_there_is_an_object_and_of_which_class() {
    let model = recognise(&graph(Some(3 * CELLS), Some(7))).unwrap();
    let mut data = vec![0.0; 3 * CELLS * 7];
    data[..7].copy_from_slice(&[10.0, 16.0, 4.0, 8.0, 0.8, 0.1, 0.5]);
    data[7..14].copy_from_slice(&[20.0, 16.0, 4.0, 8.0, 0.6, 0.5, 0.2]);
    let shape = &[3 * CELLS, 7];
    let found = detect(&model, &[(shape, &data)], &ClassSet::all()).unwrap();
    assert_eq!(summary(&found), [(1, [8.0, 12.0, 12.0, 20.0])], "the other is at 0.3");
    assert!((found[0].confidence - 0.4).abs() < 1e-6);
    data[7 * 40 + 6] = f32::NAN;
    assert!(detect(&model, &[(shape, &data)], &ClassSet::all()).is_err());
    assert!(detect(&model, &[(&[7, 3 * CELLS], &data)], &ClassSet::all()).is_err(), "not transposed");
}

#[test]
fn masks_are_made_of_what_stands_behind_the_scores() {
    let model = recognise(&with_prototypes(graph(Some(3 * CELLS), Some(7)), 1)).unwrap();
    let mut data = vec![0.0; 3 * CELLS * 7];
    data[7..14].copy_from_slice(&[16.0, 16.0, 16.0, 8.0, 0.9, 0.9, -2.0]);
    let outputs: [(&[usize], &[f32]); 2] = [(&[3 * CELLS, 7], &data), (&[1, 8, 8], &[-1.0; 64])];
    let found = detect(&model, &outputs, &ClassSet::all()).unwrap();
    assert_eq!((found.len(), found[0].mask.as_ref().unwrap().area()), (1, 16 * 8));
}

proptest! {
    #[test]
    fn rows_are_read_as_a_naive_decoder_reads_them(
        classes in 1_usize..20,
        values in prop::collection::vec(0_u8..=16, 0..2000),
        wanted in prop::collection::vec(0_usize..20, 0..3),
    ) {
        // Sixteenths: their products are exact, and some alike.
        let values: Vec<f32> = values.into_iter().map(|value| f32::from(value) / 16.0).collect();
        let columns = 5 + classes;
        let rows = Matrix { rows: values.len() / columns, columns, data: &values[..values.len() / columns * columns] };
        let (wanted, vocabulary): (ClassSet, _) = (wanted.into_iter().collect(), Vocabulary::default());
        let query = Query { thresholds: THRESHOLDS, classes: &wanted, vocabulary: &vocabulary, masks: None };
        let mut found = Vec::new();
        objects(rows, classes, &query, |_, sides| sides, &mut found);

        let mut expected = Vec::new();
        for (row, values) in rows.iter().enumerate() {
            let scores: Vec<f32> = values[5..].iter().map(|score| score * values[4]).collect();
            let mut best = 0;
            for class in 0..classes {
                if scores[class] > scores[best] {
                    best = class;
                }
            }
            if scores[best] > THRESHOLDS.confidence && wanted.contains(best) {
                let [x, y, w, h] = [values[0], values[1], values[2], values[3]];
                let corners = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
                expected.push(Candidate { class_id: best, confidence: scores[best], corners, row });
            }
        }
        prop_assert_eq!(found, expected);
    }
}
