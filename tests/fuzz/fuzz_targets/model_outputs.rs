//! Output tensors of any shape and with any numbers: detections lie in the image and are as sure as was asked for, and
//! their masks lie in their boxes.
#![no_main]

use std::sync::LazyLock;

use detector_svc::{
    model::{
        ClassSet, GraphInfo, ImageOutputs, MAX_MASKS, MasksWanted, Model, ModelOptions, Output, Outputs,
        Port, Query, Scratch, Thresholds,
    },
    preprocess::{Letterbox, ResizeMode},
};
use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Input {
    family: u8,
    source: (u16, u16),
    centre: bool,
    index: u8,
    batch: u8,
    confidence: u8,
    tensors: Vec<Tensor>,
    classes: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
struct Tensor {
    /// Whether the dimensions are those of the graph, as far as it tells.
    proper: bool,
    dimensions: [u8; 4],
    values: Vec<f32>,
}

/// Pixels along the input's side: 64, 16 and 4 cells.
const SIDE: usize = 64;

/// Outputs of a graph with three classes, and whether its family is told by them.
type Shapes = &'static [(&'static str, &'static [Option<usize>])];

const FAMILIES: [(&str, Shapes); 10] = [
    ("auto", &[("boxes", &[None, None, Some(4)]), ("scores", &[None, None, Some(3)])]),
    ("yolo", &[("output0", &[None, Some(7), None])]),
    ("yolo", &[("output0", &[None, None, None]), ("output1", &[None, Some(2), None, None])]),
    ("yolov5", &[("output0", &[None, None, Some(8)])]),
    ("yolov5", &[("output0", &[None, None, Some(10)]), ("output1", &[None, Some(2), None, None])]),
    ("yolox", &[("output", &[None, Some(84), Some(8)])]),
    ("yolo_end2end", &[("output0", &[None, None, Some(6)])]),
    ("yolo_end2end", &[("output0", &[None, None, Some(8)]), ("output1", &[None, Some(2), None, None])]),
    (
        "ssd",
        &[
            ("detection_boxes", &[None, None, Some(4)]),
            ("detection_classes", &[None, None]),
            ("detection_scores", &[None, None]),
            ("num_detections", &[None]),
        ],
    ),
    (
        "ssd",
        &[
            ("num_dets", &[None, Some(1)]),
            ("det_boxes", &[None, None, Some(4)]),
            ("det_scores", &[None, None]),
            ("det_classes", &[None, None]),
        ],
    ),
];

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let port = |name: &str, dimensions: &[Option<usize>]| Port {
        name: name.to_owned(),
        element: "float32".to_owned(),
        dimensions: dimensions.to_vec(),
    };
    let model = |(family, outputs): (&str, Shapes)| {
        let graph = GraphInfo {
            inputs: vec![port("images", &[None, Some(3), Some(SIDE), Some(SIDE)])],
            outputs: outputs.iter().map(|(name, dimensions)| port(name, dimensions)).collect(),
            ..GraphInfo::default()
        };
        let labels = ["cat", "dog", "horse"].map(str::to_owned).to_vec();
        let options = ModelOptions { family: family.to_owned(), labels, ..ModelOptions::default() };
        Model::recognise("fuzzed", &graph, &options).expect("a graph of the family")
    };
    FAMILIES.map(model).to_vec()
});

/// A tensor of at most as many images as the data is enough for.
fn output<'a>(name: &'a str, dimensions: &[Option<usize>], tensor: &'a Tensor, batch: usize) -> Output<'a> {
    let given = tensor.dimensions.map(usize::from);
    let sides = dimensions.iter().zip(given).skip(1);
    let mut shape: Vec<usize> =
        sides.map(|(side, given)| if tensor.proper { side.unwrap_or(given) } else { given }).collect();
    let size: usize = shape.iter().product();
    shape.insert(0, if tensor.proper { batch.min(tensor.values.len() / size.max(1)) } else { batch });
    Output { name, shape, data: &tensor.values }
}

fuzz_target!(|input: Input| {
    let family = usize::from(input.family) % FAMILIES.len();
    let (model, (_, shapes)) = (&MODELS[family], FAMILIES[family]);
    let batch = usize::from(input.batch % 4);
    let outputs = shapes.iter().zip(&input.tensors);
    let outputs = Outputs(
        outputs.map(|((name, dimensions), tensor)| output(name, dimensions, tensor, batch)).collect(),
    );
    let (width, height) = (u32::from(input.source.0 % 128).max(1), u32::from(input.source.1 % 128).max(1));
    let mode = if input.centre { ResizeMode::LetterboxCentre } else { ResizeMode::LetterboxTopLeft };
    let size = model.input.size();
    let letterbox = Letterbox::new(mode, (width, height), size);
    let thresholds = Thresholds {
        confidence: f32::from(input.confidence) / 255.0,
        iou: 0.6,
        text: 0.0,
        max_detections: 100,
    };
    let classes: ClassSet = input.classes.into_iter().map(usize::from).collect();
    let query = Query {
        thresholds,
        classes: &classes,
        vocabulary: &model.vocabulary,
        masks: Some(MasksWanted { above: 0.0, most: MAX_MASKS }),
    };
    let image =
        ImageOutputs { outputs: &outputs, index: input.index.into(), letterbox: &letterbox, input: size };
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    if model.postprocess(&image, &query, &mut scratch, &mut found).is_err() {
        assert!(found.is_empty());
        return;
    }
    assert!(found.len() <= thresholds.max_detections);
    for detection in found {
        let b = detection.bounding_box;
        assert!(detection.confidence > thresholds.confidence, "{detection:?}");
        assert!(detection.confidence.is_finite() && classes.contains(detection.class_id), "{detection:?}");
        assert!(detection.class_id < model.labels().len(), "{detection:?}");
        assert!(b.area() > 0.0, "{detection:?}");
        assert!(0.0 <= b.x_min && b.x_max <= width as f32, "{detection:?}");
        assert!(0.0 <= b.y_min && b.y_max <= height as f32, "{detection:?}");
        let Some(mask) = detection.mask else {
            assert!(!model.has_masks());
            continue;
        };
        let region = mask.region;
        assert_eq!(mask.pixels.len(), region.width as usize * region.height as usize);
        assert!(region.x as f32 >= b.x_min && (region.x + region.width) as f32 <= b.x_max.ceil());
        assert!(region.y as f32 >= b.y_min && (region.y + region.height) as f32 <= b.y_max.ceil());
    }
});
