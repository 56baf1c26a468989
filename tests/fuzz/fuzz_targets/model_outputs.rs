//! Output tensors of any shape and with any numbers: detections lie in the image and are as sure as was asked for.
#![no_main]

use detector_svc::{
    model::{ClassSet, GraphInfo, Model, ModelOptions, Output, Outputs, Port, Query, Scratch, Thresholds},
    preprocess::{Letterbox, ResizeMode},
};
use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Input {
    source: (u16, u16),
    centre: bool,
    index: u8,
    batch: u8,
    columns: u8,
    confidence: u8,
    boxes: Vec<f32>,
    scores: Vec<f32>,
    classes: Vec<u8>,
}

const CLASSES: usize = 3;

fn model() -> Model {
    let port = |name: &str, dimensions: &[Option<usize>]| Port {
        name: name.to_owned(),
        element: "float32".to_owned(),
        dimensions: dimensions.to_vec(),
    };
    let graph = GraphInfo {
        inputs: vec![port("images", &[None, Some(3), Some(64), Some(64)])],
        outputs: vec![port("boxes", &[None, None, Some(4)]), port("scores", &[None, None, Some(CLASSES)])],
        metadata: [].into(),
    };
    Model::recognise("fuzzed", &graph, &ModelOptions::default()).expect("a graph of the family")
}

/// A tensor with as many rows as the data is enough for.
fn output<'a>(name: &'a str, data: &'a [f32], batch: usize, columns: usize) -> Output<'a> {
    let rows = data.len().checked_div(batch * columns).unwrap_or(0);
    Output { name, shape: vec![batch, rows, columns], data: &data[..batch * rows * columns] }
}

fuzz_target!(|input: Input| {
    let batch = usize::from(input.batch % 4);
    let outputs = Outputs(vec![
        output("boxes", &input.boxes, batch, 4),
        output(
            "scores",
            &input.scores,
            batch,
            if input.columns < 200 { CLASSES } else { input.columns.into() },
        ),
    ]);
    let (width, height) = (u32::from(input.source.0).max(1), u32::from(input.source.1).max(1));
    let mode = if input.centre { ResizeMode::LetterboxCentre } else { ResizeMode::LetterboxTopLeft };
    let letterbox = Letterbox::new(mode, (width, height), (64, 64));
    let thresholds =
        Thresholds { confidence: f32::from(input.confidence) / 255.0, iou: 0.6, max_detections: 100 };
    let classes: ClassSet = input.classes.into_iter().map(usize::from).collect();
    let index = input.index.into();
    let query = Query { thresholds, classes: &classes };
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    if model().postprocess(&outputs, index, &letterbox, &query, &mut scratch, &mut found).is_err() {
        assert!(found.is_empty());
        return;
    }
    assert!(found.len() <= thresholds.max_detections);
    for detection in found {
        let b = detection.bounding_box;
        assert!(detection.confidence > thresholds.confidence, "{detection:?}");
        assert!(detection.confidence.is_finite() && classes.contains(detection.class_id), "{detection:?}");
        assert!(b.area() > 0.0, "{detection:?}");
        assert!(0.0 <= b.x_min && b.x_max <= width as f32, "{detection:?}");
        assert!(0.0 <= b.y_min && b.y_max <= height as f32, "{detection:?}");
    }
});
