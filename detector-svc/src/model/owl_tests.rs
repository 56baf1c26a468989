//! Boxes and scores of patches.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{
        ClassSet, GraphInfo, Model, ModelError, ModelOptions, Output, Outputs, Port, Sidecars, Thresholds,
        fixture,
    },
    preprocess::Letterbox,
};

fn port(name: &str, element: &str, dimensions: &[Option<usize>]) -> Port {
    Port { name: name.to_owned(), element: element.to_owned(), dimensions: dimensions.to_vec() }
}

fn graph(size: usize) -> GraphInfo {
    GraphInfo {
        inputs: vec![
            port("input_ids", "int64", &[None, None]),
            port("pixel_values", "float32", &[None, Some(3), Some(size), Some(size)]),
            port("attention_mask", "int64", &[None, None]),
        ],
        outputs: vec![
            port("logits", "float32", &[None, None, None]),
            port("pred_boxes", "float32", &[None, None, Some(4)]),
        ],
        ..GraphInfo::default()
    }
}

fn recognise(size: usize, family: &str, config: &str) -> Result<Model, ModelError> {
    let sidecars = Sidecars { config: Some(config.to_owned()), ..Sidecars::default() };
    let labels = vec!["cat".to_owned()];
    let options = ModelOptions { family: family.to_owned(), labels, sidecars, ..ModelOptions::default() };
    Model::recognise("owl", &graph(size), &options)
}

#[test]
fn both_are_told_apart_by_what_their_framework_says_or_their_size() {
    for (size, family, config, name) in [
        (768, "auto", "{}", "owlvit"),
        (960, "auto", "{}", "owlv2"),
        (768, "auto", r#"{"model_type": "owlv2"}"#, "owlv2"),
        (960, "auto", r#"{"model_type": "owlvit"}"#, "owlvit"),
        (960, "owlvit", "{}", "owlvit"),
        (768, "owlv2", "{}", "owlv2"),
    ] {
        let model = recognise(size, family, config).unwrap();
        assert_eq!((model.family.name(), model.is_open_vocabulary()), (name, true), "{size} {config}");
        let square = model.input.resize == ResizeMode::SquarePad;
        assert_eq!(square, name == "owlv2");
    }
    let mut without_text = graph(768);
    without_text.inputs.remove(0);
    let options = ModelOptions { family: "owlv2".to_owned(), ..ModelOptions::default() };
    assert!(Model::recognise("owl", &without_text, &options).is_err());
}

fn find(logits: &[f32], boxes: &[f32], queries: usize) -> Result<Vec<Candidate>, OutputError> {
    let patches = logits.len() / queries;
    let outputs = Outputs(vec![
        Output { name: "logits", shape: vec![1, patches, queries], data: logits },
        Output { name: "pred_boxes", shape: vec![1, boxes.len() / 4, 4], data: boxes },
    ]);
    let letterbox = Letterbox::new(ResizeMode::SquarePad, (8, 4), (8, 8));
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
    let vocabulary = fixture::vocabulary(&["cat", "dog"]);
    let thresholds = Thresholds { confidence: 0.5, iou: 1.0, text: 0.5, max_detections: 10 };
    let query = Query { thresholds, classes: &ClassSet::all(), vocabulary: &vocabulary, masks: None };
    let mut found = Vec::new();
    Owl::V2.candidates(&image, &query, &mut found).map(|()| found)
}

#[test]
fn a_patch_is_what_its_best_query_says() {
    let found = find(&[-1.0, 2.0, 0.0, -3.0, 1.0, 0.5], &[0.5; 12], 2).unwrap();
    let classes: Vec<_> = found.iter().map(|found| (found.row, found.class_id)).collect();
    assert_eq!(classes, [(0, 1), (2, 0)], "a score of one half does not count");
    assert_eq!(found[0].corners, [2.0, 2.0, 6.0, 6.0]);
    assert!((found[0].confidence - 0.880_797).abs() < 1e-6);
}

#[test]
fn outputs_for_other_queries_are_refused() {
    let message = find(&[0.0; 6], &[0.5; 8], 3).unwrap_err().to_string();
    assert!(message.contains("`logits`") && message.contains("[batch, rows, 2]"), "{message}");
    let message = find(&[0.0; 6], &[0.5; 8], 2).unwrap_err().to_string();
    assert!(message.contains("`pred_boxes`"), "{message}");
}
