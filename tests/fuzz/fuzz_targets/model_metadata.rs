//! What a model file says about itself: a graph is recognised or refused, never trusted.
#![no_main]

use detector_svc::model::{GraphInfo, Model, ModelOptions, Port, Sidecars};
use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Input {
    image_dimensions: Option<Vec<Option<usize>>>,
    boxes_dimensions: Vec<Option<usize>>,
    classes: Option<u8>,
    metadata: [Option<String>; 5],
    labels: Vec<String>,
    max_batch: u8,
    sidecars: [Option<String>; 3],
}

const KEYS: [&str; 5] = ["names", "imgsz", "color", "mean", "std"];

fn port(name: &str, dimensions: Vec<Option<usize>>) -> Port {
    Port { name: name.to_owned(), element: "float32".to_owned(), dimensions }
}

fuzz_target!(|input: Input| {
    let ordinary = vec![None, Some(3), None, None];
    let entries = KEYS.map(str::to_owned).into_iter().zip(input.metadata);
    let graph = GraphInfo {
        inputs: vec![port("images", input.image_dimensions.unwrap_or(ordinary))],
        outputs: vec![
            port("boxes", input.boxes_dimensions),
            port("scores", vec![None, None, input.classes.map(usize::from)]),
        ],
        metadata: entries.filter_map(|(key, value)| Some((key, value?))).collect(),
        ..GraphInfo::default()
    };
    let [model_toml, preprocessor_config, config] = input.sidecars;
    let options = ModelOptions {
        labels: input.labels,
        max_batch: input.max_batch.into(),
        sidecars: Sidecars { model_toml, preprocessor_config, config, tokenizer: None },
        ..ModelOptions::default()
    };
    if let Ok(model) = Model::recognise("fuzzed", &graph, &options) {
        assert!(!model.input.is_empty() && model.input.width <= 8192 && model.input.height <= 8192);
        assert!(model.batch.slots() * model.input.len() * size_of::<f32>() <= 2 << 30);
        assert!(model.input.std.iter().all(|std| *std > 0.0), "{:?}", model.input.std);
        assert!(model.input.mean.iter().chain(&model.input.std).all(|value| value.is_finite()));
        if let Some(classes) = input.classes {
            assert_eq!(model.labels().len(), usize::from(classes));
        }
    }
});
