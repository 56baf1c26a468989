//! Graphs are recognised, or refused with what they have and what was expected.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::{BoxesScores, SideInputKind};

fn port(name: &str, dimensions: &[Option<usize>]) -> Port {
    Port { name: name.into(), element: "float32".into(), dimensions: dimensions.to_vec() }
}

fn graph() -> GraphInfo {
    GraphInfo {
        inputs: vec![port("images", &[None, Some(3), None, None])],
        outputs: vec![port("boxes", &[None, Some(10), Some(4)]), port("scores", &[None, Some(10), Some(2)])],
        metadata: [("names", r#"{"0":"cat","1":"dog"}"#), ("imgsz", "[320, 416]"), ("color", "bgr")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        ..GraphInfo::default()
    }
}

fn with_input(dimensions: [Option<usize>; 4]) -> GraphInfo {
    GraphInfo { inputs: vec![port("images", &dimensions)], ..graph() }
}

fn recognise(graph: &GraphInfo) -> Result<Model, ModelError> {
    Model::recognise("pets", graph, &ModelOptions::default())
}

fn in_batches(graph: &GraphInfo, max_batch: usize) -> Result<Model, ModelError> {
    Model::recognise("pets", graph, &ModelOptions { max_batch, ..ModelOptions::default() })
}

#[test]
fn metadata_fills_what_the_graph_leaves_open() {
    let model = recognise(&graph()).unwrap();
    assert_eq!((model.input.width, model.input.height), (416, 320));
    assert_eq!(model.input.color, ColorOrder::Bgr);
    assert_eq!(model.labels()[..], ["cat", "dog"]);
    assert_eq!(model.to_string(), "pets (boxes_scores, 416x320, 2 classes)");
}

#[test]
fn labels_from_the_settings_must_match_the_classes() {
    let with = |labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Model::recognise("pets", &graph(), &ModelOptions { labels, ..ModelOptions::default() })
    };
    assert_eq!(with(&["a", "b"]).unwrap().labels()[..], ["a", "b"]);
    let error = with(&["a"]).unwrap_err();
    assert!(matches!(error, ModelError::Labels { classes: 2, labels: 1 }), "{error}");
}

#[test]
fn another_graph_is_refused_with_what_it_has_and_what_was_expected() {
    let mut classifier = graph();
    classifier.outputs = vec![port("logits", &[None, Some(1000)])];
    let message = recognise(&classifier).unwrap_err().to_string();
    assert!(message.contains("`logits` float32[?,1000]") && message.contains("`boxes`"), "{message}");
    let mut text = graph();
    text.inputs[0].element = "int64".into();
    assert!(recognise(&text).is_err());
}

#[test]
fn a_family_that_is_named_is_the_only_one_tried() {
    let named = |family: &str, graph: &GraphInfo| {
        let options = ModelOptions { family: family.to_owned(), ..ModelOptions::default() };
        Model::recognise("pets", graph, &options)
    };
    assert_eq!(named("boxes_scores", &graph()).unwrap(), recognise(&graph()).unwrap());
    let mut classifier = graph();
    classifier.outputs = vec![port("logits", &[None, Some(1000)])];
    let message = named("boxes_scores", &classifier).unwrap_err().to_string();
    assert!(message.contains("not a detector of family `boxes_scores`"), "{message}");
    assert!(message.contains(BoxesScores::KIND.expected), "{message}");
    let message = named("resnet", &graph()).unwrap_err().to_string();
    assert!(message.contains("resnet") && message.contains("boxes_scores"), "{message}");
}

#[test]
fn a_graph_with_a_fixed_batch_runs_in_batches_of_that_size() {
    let fixed = |images| with_input([Some(images), Some(3), Some(320), Some(416)]);
    let batch = |images, max_batch| in_batches(&fixed(images), max_batch).map(|model| model.batch);
    assert_eq!(batch(1, 8).unwrap(), Batch { max: 1, fixed: Some(1) });
    assert_eq!(batch(4, 8).unwrap(), Batch { max: 4, fixed: Some(4) });
    assert_eq!(batch(4, 2).unwrap(), Batch { max: 2, fixed: Some(4) });
    assert_eq!(in_batches(&graph(), 8).unwrap().batch, Batch { max: 8, fixed: None });
    for images in [0, 65] {
        let message = batch(images, 8).unwrap_err().to_string();
        assert!(message.contains(&format!("{images} images in every run")), "{message}");
    }
}

#[test]
fn what_lies_beside_a_model_says_what_it_does_not() {
    let recognise = |toml: &str| {
        let sidecars = Sidecars { model_toml: Some(toml.to_owned()), ..Sidecars::default() };
        Model::recognise("pets", &graph(), &ModelOptions { sidecars, ..ModelOptions::default() })
    };
    let model = recognise("[input]\nresize = \"stretch\"\ncolor = \"rgb\"\npadding = 7").unwrap();
    assert_eq!((model.input.resize, model.input.padding), (ResizeMode::Stretch, [7.0; 3]));
    assert_eq!(model.input.color, ColorOrder::Bgr, "the file itself says so");
    let message = recognise("family = \"resnet\"").unwrap_err().to_string();
    assert!(message.contains("resnet"), "{message}");
}

#[test]
fn inputs_that_nothing_is_known_of_are_named() {
    let mut graph = graph();
    graph.inputs.push(port("orig_target_sizes", &[None, Some(2)]));
    assert_eq!(recognise(&graph).unwrap().side_inputs[0].kind, SideInputKind::TargetSizes);
    graph.inputs.push(port("depth", &[None, Some(2)]));
    let message = recognise(&graph).unwrap_err().to_string();
    assert!(message.contains("`depth` float32[?,2]"), "{message}");
}

#[test]
fn inputs_that_no_memory_holds_are_refused() {
    for (height, width) in [(0, 416), (320, 0), (8193, 32), (32, usize::MAX)] {
        let error = recognise(&with_input([None, Some(3), Some(height), Some(width)])).unwrap_err();
        assert!(matches!(error, ModelError::InputSize { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{width}x{height}")), "{error}");
    }
    let mut huge = graph();
    huge.metadata.insert("imgsz".to_owned(), "[4000000000, 416]".to_owned());
    assert!(matches!(recognise(&huge), Err(ModelError::InputSize { height: 4_000_000_000, .. })));
    let large = with_input([None, Some(3), Some(8192), Some(8192)]);
    assert!(in_batches(&large, 2).is_ok());
    assert!(matches!(in_batches(&large, 8), Err(ModelError::BatchBytes { max_batch: 8, .. })));
    assert!(matches!(in_batches(&large, usize::MAX), Err(ModelError::BatchBytes { .. })));
}

#[test]
fn more_classes_than_any_detector_has_are_refused() {
    let mut graph = graph();
    graph.metadata.remove("names");
    graph.outputs[1].dimensions[2] = Some(usize::MAX);
    let error = recognise(&graph).unwrap_err();
    assert!(matches!(error, ModelError::Classes { classes: usize::MAX, .. }), "{error}");
}
