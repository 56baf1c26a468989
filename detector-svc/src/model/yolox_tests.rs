//! Boxes that the graph decodes, and such that it leaves to be decoded.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{super::yolo_fixture::*, *};
use crate::model::{ClassSet, Model, ModelOptions, Sidecars};

/// A model of one class whose graph uses these operators, with such a `model.toml` beside it.
fn model(operators: &[&str], toml: &str) -> Model {
    let mut graph = graph(Some(CELLS), Some(6));
    graph.operators = operators.iter().map(ToString::to_string).collect();
    let sidecars = Sidecars { model_toml: Some(toml.to_owned()), ..Sidecars::default() };
    Model::recognise("pets", &graph, &ModelOptions { sidecars, ..ModelOptions::default() }).unwrap()
}

/// The only box, that of cell 17: the second of the second grid, whose cells have 16 pixels.
fn found(model: &Model, sides: [f32; 4]) -> Vec<(usize, [f32; 4])> {
    let mut data = vec![0.0; CELLS * 6];
    data[17 * 6..][..4].copy_from_slice(&sides);
    data[17 * 6 + 4..][..2].fill(0.9);
    summary(&detect(model, &[(&[CELLS, 6], &data)], &ClassSet::all()).unwrap())
}

#[test]
fn the_operators_of_the_graph_tell_whether_it_decodes_boxes() {
    let box_of_16 = [(0, [16.0, 0.0, 32.0, 16.0])];
    assert_eq!(found(&model(&["Conv", "Exp"], ""), [24.0, 8.0, 16.0, 16.0]), box_of_16);
    assert_eq!(found(&model(&["Conv"], ""), [0.5, 0.5, 0.0, 0.0]), box_of_16);
    assert_eq!(found(&model(&[], ""), [0.5, 0.5, 0.0, 0.0]), box_of_16, "as the exporter usually does it");
}

#[test]
fn unless_somebody_tells() {
    let box_of_16 = [(0, [16.0, 0.0, 32.0, 16.0])];
    assert_eq!(found(&model(&["Conv"], "decoded = true"), [24.0, 8.0, 16.0, 16.0]), box_of_16);
    assert_eq!(found(&model(&["Exp"], "decoded = false"), [0.5, 0.5, 0.0, 0.0]), box_of_16);
}

#[test]
fn sizes_that_no_number_holds_are_the_models_failure() {
    let mut data = vec![0.0; CELLS * 6];
    data[..6].copy_from_slice(&[0.0, 0.0, 100.0, 0.0, 0.9, 0.9]);
    assert!(detect(&model(&[], ""), &[(&[CELLS, 6], &data)], &ClassSet::all()).is_err());
}

#[test]
fn boxes_of_no_grid_cannot_be_decoded() {
    let message =
        detect(&model(&[], ""), &[(&[7, 6], &[0.0; 42])], &ClassSet::all()).unwrap_err().to_string();
    assert!(message.contains("[7, 6]") && message.contains("32x32"), "{message}");
}

#[test]
fn pixels_go_in_as_they_are_blue_first() {
    let input = model(&[], "").input;
    assert_eq!((input.color, input.mean, input.std), (ColorOrder::Bgr, [0.0; 3], [1.0; 3]));
}
