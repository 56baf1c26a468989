//! From output tensors to detections, for each layout of YOLO exports at its usual size: 640x640 pixels, 80 classes, about
//! 100 boxes above the threshold, random numbers. Beside each a decoder that transposes and looks at one number after the
//! other, as a port of the usual Python reads them.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use detector_svc::{
    detection::{BoundingBox, Detection},
    model::{
        ClassSet, GraphInfo, ImageOutputs, MAX_MASKS, MasksWanted, Model, ModelOptions, Output, Outputs,
        Port, Query, Scratch, Thresholds,
    },
    preprocess::{Letterbox, ResizeMode},
};

const SIDE: usize = 640;
const CLASSES: usize = 80;
const CELLS: usize = 8400;
const MASKS: usize = 32;
const THRESHOLDS: Thresholds = Thresholds { confidence: 0.35, iou: 0.6, text: 0.0, max_detections: 300 };

/// Random numbers, the same in every run.
struct Random(u64);

impl Random {
    /// A number between 0 and 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// Where a layout has what, in a box as a row.
#[derive(Clone, Copy)]
struct Layout {
    name: &'static str,
    boxes: usize,
    objectness: bool,
    columns: bool,
    masks: usize,
}

impl Layout {
    fn values(&self) -> usize {
        4 + usize::from(self.objectness) + CLASSES + self.masks
    }

    /// Boxes as rows, one in `boxes / 100` with a score above the threshold.
    fn rows(&self) -> Vec<Vec<f32>> {
        let random = &mut Random(7);
        let sure = self.boxes / 100;
        let row = |index: usize| {
            let mut row: Vec<f32> = (0..self.values()).map(|_| random.next() * 0.3).collect();
            row[0] = random.next() * 600.0;
            row[1] = random.next() * 600.0;
            row[2] = 20.0 + random.next() * 100.0;
            row[3] = 20.0 + random.next() * 100.0;
            if index.is_multiple_of(sure) {
                let first = if self.objectness { 5 } else { 4 };
                row[4] = if self.objectness { 0.9 } else { row[4] };
                row[first + (random.next() * CLASSES as f32) as usize] = 0.5 + random.next() / 2.0;
            }
            row
        };
        (0..self.boxes).map(row).collect()
    }

    fn shape(&self) -> Vec<usize> {
        if self.columns { vec![1, self.values(), self.boxes] } else { vec![1, self.boxes, self.values()] }
    }

    fn model(&self) -> Model {
        let port = |name: &str, shape: &[usize]| Port {
            name: name.to_owned(),
            element: "float32".to_owned(),
            dimensions: shape.iter().copied().map(Some).collect(),
        };
        let mut outputs = vec![port("output0", &self.shape())];
        if self.masks > 0 {
            outputs.push(port("output1", &[1, self.masks, SIDE / 4, SIDE / 4]));
        }
        let names: Vec<String> = (0..CLASSES).map(|class| format!("{class}: 'name {class}'")).collect();
        let graph = GraphInfo {
            inputs: vec![port("images", &[1, 3, SIDE, SIDE])],
            outputs,
            operators: ["Exp".to_owned()].into(),
            metadata: [("names".to_owned(), format!("{{{}}}", names.join(", ")))].into(),
        };
        Model::recognise("bench", &graph, &ModelOptions::default()).unwrap()
    }
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut turned = vec![0.0; values.len()];
    for row in 0..rows {
        for column in 0..columns {
            turned[column * rows + row] = values[row * columns + column];
        }
    }
    turned
}

/// Boxes of rows, one number after the other, and suppression over all pairs.
fn naive(layout: &Layout, values: &[f32]) -> Vec<Detection> {
    let turned;
    let rows = if layout.columns {
        turned = transposed(values, layout.values(), layout.boxes);
        &turned
    } else {
        values
    };
    let first = if layout.objectness { 5 } else { 4 };
    let mut found: Vec<Detection> = Vec::new();
    for row in rows.chunks_exact(layout.values()) {
        let objectness = if layout.objectness { row[4] } else { 1.0 };
        let scores: Vec<f32> = row[first..first + CLASSES].iter().map(|score| score * objectness).collect();
        let (mut class_id, mut confidence) = (0, scores[0]);
        for (class, score) in scores.iter().enumerate() {
            if *score > confidence {
                (class_id, confidence) = (class, *score);
            }
        }
        if confidence > THRESHOLDS.confidence {
            let [x, y, w, h] = [row[0], row[1], row[2], row[3]];
            let (x_min, y_min, x_max, y_max) = (x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0);
            let bounding_box = BoundingBox { x_min, y_min, x_max, y_max };
            found.push(Detection { class_id, confidence, bounding_box, track_id: None, mask: None });
        }
    }
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<Detection> = Vec::new();
    for new in found {
        let same = |old: &Detection| {
            old.class_id == new.class_id && old.bounding_box.iou(&new.bounding_box) > THRESHOLDS.iou
        };
        if !kept.iter().any(same) {
            kept.push(new);
        }
    }
    kept
}

fn bench(criterion: &mut Criterion, layout: &Layout) {
    let rows = layout.rows().concat();
    let values = if layout.columns { transposed(&rows, layout.boxes, layout.values()) } else { rows };
    let random = &mut Random(3);
    let planes: Vec<f32> = (0..layout.masks * SIDE / 4 * SIDE / 4).map(|_| random.next() - 0.5).collect();
    let mut outputs = vec![Output { name: "output0", shape: layout.shape(), data: &values }];
    if layout.masks > 0 {
        let shape = vec![1, layout.masks, SIDE / 4, SIDE / 4];
        outputs.push(Output { name: "output1", shape, data: &planes });
    }
    let (outputs, model) = (Outputs(outputs), layout.model());
    let input = model.input.size();
    let letterbox = Letterbox::new(ResizeMode::LetterboxCentre, input, input);
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input };
    let (classes, masks) = (ClassSet::all(), layout.masks > 0);
    let query = Query {
        thresholds: THRESHOLDS,
        classes: &classes,
        vocabulary: &model.vocabulary,
        masks: masks.then_some(MasksWanted { above: 0.0, most: MAX_MASKS }),
    };
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    criterion.bench_function(layout.name, |b| {
        b.iter(|| model.postprocess(black_box(&image), &query, &mut scratch, &mut found).unwrap());
    });
    if layout.masks == 0 {
        let reference = naive(layout, &values);
        assert_eq!(found.len(), reference.len(), "both find the same");
        criterion.bench_function(&format!("{}, naive", layout.name), |b| {
            b.iter(|| naive(layout, black_box(&values)));
        });
    }
}

fn postprocess(criterion: &mut Criterion) {
    let columns =
        Layout { name: "yolo [84, 8400]", boxes: CELLS, objectness: false, columns: true, masks: 0 };
    for layout in [
        columns,
        Layout { name: "yolo transposed [8400, 84]", columns: false, ..columns },
        Layout { name: "yolov5 [25200, 85]", boxes: 3 * CELLS, objectness: true, columns: false, masks: 0 },
        Layout { name: "yolox decoded [8400, 85]", objectness: true, columns: false, ..columns },
        Layout { name: "yolo with masks [116, 8400]", masks: MASKS, ..columns },
    ] {
        bench(criterion, &layout);
    }
}

criterion_group!(benches, postprocess);
criterion_main!(benches);
