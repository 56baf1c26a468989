//! Which of the families a graph is of, and what its outputs say.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::{
    model::{ClassSet, GraphInfo, Model, ModelOptions, Output, Outputs, Port, Sidecars, Vocabulary},
    preprocess::Letterbox,
};

fn port(name: &str, dimensions: &[Option<usize>]) -> Port {
    Port { name: name.into(), element: "float32".into(), dimensions: dimensions.to_vec() }
}

/// A graph with so many logits a query.
fn graph(columns: usize) -> GraphInfo {
    GraphInfo {
        inputs: vec![port("pixel_values", &[None, Some(3), Some(64), Some(96)])],
        outputs: vec![
            port("logits", &[None, None, Some(columns)]),
            port("pred_boxes", &[None, None, Some(4)]),
        ],
        ..GraphInfo::default()
    }
}

fn recognise(graph: &GraphInfo, labels: &[&str], toml: &str, config: &str) -> Result<Model, ModelError> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let sidecars = Sidecars { model_toml: some(toml), config: some(config), ..Sidecars::default() };
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    Model::recognise("pets", graph, &ModelOptions { labels, sidecars, ..ModelOptions::default() })
}

fn family(columns: usize, labels: &[&str], toml: &str, config: &str) -> (&'static str, usize) {
    let model = recognise(&graph(columns), labels, toml, config).unwrap();
    (model.family.name(), model.labels().len())
}

#[test]
fn the_number_of_labels_tells_whether_a_logit_stands_for_no_object() {
    assert_eq!(family(3, &["cat", "dog"], "", ""), ("detr", 2));
    assert_eq!(family(2, &["cat", "dog"], "", ""), ("rt_detr", 2));
}

#[test]
fn the_framework_or_the_user_tells_it_first() {
    assert_eq!(family(3, &[], "", r#"{"model_type": "yolos"}"#), ("detr", 2));
    assert_eq!(family(3, &[], "", r#"{"model_type": "d_fine"}"#), ("rt_detr", 3));
    assert_eq!(family(3, &[], r#"activation = "softmax""#, r#"{"model_type": "d_fine"}"#), ("detr", 2));
    assert_eq!(family(3, &[], r#"family = "rt_detr""#, r#"{"model_type": "detr"}"#), ("rt_detr", 3));
    assert_eq!(family(3, &[], r#"family = "detr""#, ""), ("detr", 2));
}

#[test]
fn what_nothing_tells_is_refused_with_how_to_tell_it() {
    for labels in [&[][..], &["cat"]] {
        let error = recognise(&graph(3), labels, "", "").unwrap_err();
        assert!(matches!(error, ModelError::Ambiguous { columns: Some(3), .. }), "{error}");
        let message = error.to_string();
        for part in ["last of 3 logits", "`model.family`", "`detr`", "`rt_detr`"] {
            assert!(message.contains(part), "{message}");
        }
    }
    let error = recognise(&graph(3), &["cat"], "", "").unwrap_err().to_string();
    assert!(error.contains("1 labels are known"), "{error}");
    let error = recognise(&graph(3), &["cat"], r#"family = "detr""#, "").unwrap_err();
    assert!(matches!(error, ModelError::Labels { classes: 2, labels: 1 }), "{error}");
}

#[test]
fn a_model_that_is_asked_with_text_is_none_of_them() {
    let mut graph = graph(2);
    graph.inputs.push(port("input_ids", &[None, Some(16)]));
    let error = recognise(&graph, &["cat", "dog"], r#"family = "rt_detr""#, "").unwrap_err();
    assert!(matches!(error, ModelError::Unrecognised { .. }), "{error}");
}

#[test]
fn inputs_are_as_the_models_were_trained() {
    let input = |graph: &GraphInfo, config: &str| recognise(graph, &[], "", config).unwrap().input;
    let rt_detr = input(&graph(2), r#"{"model_type": "rt_detr"}"#);
    assert_eq!((rt_detr.std, rt_detr.resize), ([255.0; 3], ResizeMode::Stretch));
    let rf_detr = input(&graph(2), r#"{"model_type": "rf_detr"}"#);
    assert_eq!((rf_detr.mean[0], rf_detr.filter), (123.675, Filter::Bilinear));
    let mut masked = graph(2);
    masked.inputs.push(port("pixel_mask", &[None, Some(64), Some(96)]));
    let detr = input(&masked, r#"{"model_type": "detr"}"#);
    assert_eq!((detr.padding, detr.resize), (detr.mean, ResizeMode::LetterboxTopLeft));
}

/// What the model finds in outputs of rows of `columns` logits.
fn candidates(
    family: Detr,
    columns: usize,
    (logits, boxes): (&[f32], &[f32]),
    confidence: f32,
) -> Result<Vec<Candidate>, OutputError> {
    let (rows, names) = (logits.len() / columns, family.member.names());
    let outputs = Outputs(vec![
        Output { name: names.logits, shape: vec![1, rows, columns], data: logits },
        Output { name: names.boxes, shape: vec![1, boxes.len() / 4, 4], data: boxes },
    ]);
    let letterbox = Letterbox::new(ResizeMode::LetterboxCentre, (100, 50), (80, 80));
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (80, 80) };
    let thresholds = Thresholds { confidence, iou: 1.0, text: 0.0, max_detections: 300 };
    let (classes, vocabulary) = (ClassSet::all(), Vocabulary::default());
    let query = Query { thresholds, classes: &classes, vocabulary: &vocabulary, masks: None };
    let mut candidates = Vec::new();
    family.candidates(&image, &query, &mut candidates)?;
    Ok(candidates)
}

fn member(member: Member) -> Detr {
    Detr { member, masked: false, best: None, masks: false }
}

#[test]
fn boxes_are_parts_of_the_input_or_with_a_mask_of_the_image() {
    let (logits, centred) = ([9.0, 0.0], [0.5, 0.5, 1.0, 0.5]);
    let corners = |masked| {
        let family = Detr { masked, ..member(Member::Detr) };
        candidates(family, 2, (&logits, &centred), 0.5).unwrap()[0].corners
    };
    assert_eq!(corners(false), [0.0, 20.0, 80.0, 60.0]);
    assert_eq!(corners(true), [0.0, 30.0, 80.0, 50.0]);
}

#[test]
fn a_query_without_a_box_is_the_models_failure() {
    let error = candidates(member(Member::RtDetr), 1, (&[9.0, 9.0], &[0.5; 4]), 0.5).unwrap_err();
    assert!(error.to_string().contains("`pred_boxes`"), "{error}");
    let error = candidates(member(Member::RtDetr), 1, (&[f32::NAN], &[0.5; 4]), 0.5).unwrap_err();
    assert!(matches!(error, OutputError::NotANumber(_)), "{error}");
}

fn sorted(mut found: Vec<(usize, usize, f32)>) -> Vec<(usize, usize)> {
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    found.into_iter().map(|(row, class_id, _)| (row, class_id)).collect()
}

proptest! {
    #[test]
    fn sigmoid_finds_the_best_pairs(
        logits in prop::collection::vec(-4.0f32..4.0, 0..10).prop_map(|rows| rows.repeat(3)),
        best in prop::option::of(1usize..6), least in 0.1f32..0.9,
    ) {
        let family = Detr { best, ..member(Member::RtDetr) };
        let rows = logits.len() / 3;
        let found = candidates(family, 3, (&logits, &vec![0.5; rows * 4]), least).unwrap();
        let all = logits.iter().enumerate().map(|(index, logit)| (index / 3, index % 3, sigmoid(*logit)));
        let mut expected = sorted(all.collect());
        expected.truncate(best.unwrap_or(rows));
        expected.retain(|(row, class_id)| sigmoid(logits[row * 3 + class_id]) > least);
        let found = found.into_iter().map(|found| (found.row, found.class_id, found.confidence)).collect();
        prop_assert_eq!(sorted(found), expected);
    }

    #[test]
    fn softmax_finds_the_best_class_of_each_query(
        logits in prop::collection::vec(prop::array::uniform4(-4.0f32..4.0), 0..10), least in 0.1f32..0.9,
    ) {
        let boxes = vec![0.5; logits.len() * 4];
        let found = candidates(member(Member::Detr), 4, (&logits.concat(), &boxes), least).unwrap();
        let found: Vec<_> = found.into_iter().map(|found| (found.row, found.class_id, found.confidence)).collect();
        let mut expected = Vec::new();
        for (row, logits) in logits.iter().enumerate() {
            let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
            let scores: Vec<f32> = logits[..3].iter().map(|logit| logit.exp() / sum).collect();
            let best = (0..3).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            prop_assume!((scores[best] - least).abs() > 1e-5);
            if scores[best] > least {
                expected.push((row, best, scores[best]));
            }
        }
        prop_assert_eq!(sorted(found), sorted(expected));
    }
}
