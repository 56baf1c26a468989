//! Which graphs are SAM decoders, and what their outputs mean.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{mask::Region, preprocess::ResizeMode};

fn ports(names: &[&str]) -> Vec<Port> {
    let port = |name: &&str| Port {
        name: (*name).to_owned(),
        element: "float32".to_owned(),
        dimensions: vec![None, Some(4)],
    };
    names.iter().map(port).collect()
}

fn graph(inputs: &[&str], outputs: &[&str]) -> GraphInfo {
    GraphInfo { inputs: ports(inputs), outputs: ports(outputs), ..GraphInfo::default() }
}

fn read(inputs: &[&str], outputs: &[&str]) -> Result<(Vec<DecoderInput>, PromptForm), SegmenterError> {
    decoder_inputs(&graph(inputs, outputs), &graph(&["pixel_values"], &["embeddings.0", "embeddings.1"]))
}

#[test]
fn inputs_are_told_by_their_names() {
    use DecoderInput::{Boxes, Embedding, Labels, Points};
    let inputs = ["input_points", "input_labels", "input_boxes", "embeddings.1"];
    let both = read(&inputs, &[SCORES, MASKS, "object_score_logits"]).unwrap();
    assert_eq!(both, (vec![Points, Labels, Boxes, Embedding], PromptForm::Boxes));
    let corners = read(&["embeddings.0", "input_points", "input_labels"], &[MASKS, SCORES]).unwrap();
    assert_eq!(corners, (vec![Embedding, Points, Labels], PromptForm::Corners));
}

#[test]
fn what_is_no_decoder_is_refused_with_what_it_has() {
    let message = |inputs: &[&str], outputs: &[&str]| read(inputs, outputs).unwrap_err().to_string();
    let unknown = message(&["input_boxes", "has_mask_input", "embeddings.0"], &[MASKS, SCORES]);
    assert!(unknown.contains("`has_mask_input`") && unknown.contains("`embeddings.1`"), "{unknown}");
    let promptless = message(&["embeddings.0", "input_points"], &[MASKS, SCORES]);
    assert!(promptless.contains("no boxes") && promptless.contains("`input_points`"), "{promptless}");
    let maskless = message(&["input_boxes"], &["boxes", SCORES]);
    assert!(maskless.contains("no masks") && maskless.contains("`boxes`"), "{maskless}");
}

/// Masks of an image of 8x4 pixels in an input of 4x4, from logits of 2x2.
fn decode(boxes: usize, scores: &[f32], logits: &[f32]) -> Result<Vec<Option<Mask>>, OutputError> {
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 4), (4, 4));
    let each = scores.len() / boxes;
    let outputs = Outputs(vec![
        Output { name: SCORES, shape: vec![1, boxes, each], data: scores },
        Output { name: MASKS, shape: vec![1, boxes, each, 2, 2], data: logits },
    ]);
    masks(&outputs, boxes, &letterbox, (4, 4))
}

const NOTHING: [f32; 4] = [-1.0; 4];
const LEFT: [f32; 4] = [1.0, -1.0, 1.0, -1.0];
const BELOW: [f32; 4] = [-1.0, -1.0, 1.0, 1.0];

#[test]
fn each_box_has_the_mask_of_the_best_score() {
    let logits = [LEFT, BELOW, NOTHING, BELOW].concat();
    let found = decode(2, &[0.2, 0.9, 0.7, 0.1], &logits).unwrap();
    let below = found[0].as_ref().unwrap();
    assert_eq!((below.width, below.height, below.area()), (8, 4, 16));
    assert_eq!(below.region, Region { x: 0, y: 1, width: 8, height: 3 });
    assert_eq!(found[1], None, "the best mask has no pixel");
    let one = decode(1, &[-3.0], &LEFT).unwrap();
    assert_eq!(one[0].as_ref().map(Mask::area), Some(16), "half of the image");
}

#[test]
fn outputs_that_are_no_masks_are_refused() {
    let nan = decode(1, &[f32::NAN, 0.1], &[LEFT, BELOW].concat()).unwrap_err().to_string();
    assert!(nan.contains(SCORES), "{nan}");
    let nan = decode(1, &[0.1], &[f32::NAN, 1.0, 1.0, 1.0]).unwrap_err().to_string();
    assert!(nan.contains(MASKS), "{nan}");
    let few = decode(2, &[0.1, 0.2], &LEFT).unwrap_err().to_string();
    assert!(few.contains("[1, 2, 1, rows, columns]"), "{few}");
    let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 4), (4, 4));
    let missing = masks(&Outputs(Vec::new()), 1, &letterbox, (4, 4)).unwrap_err().to_string();
    assert!(missing.contains(MASKS), "{missing}");
}
