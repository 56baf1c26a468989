//! Graphs with one output of boxes, and what is found in such outputs, for the tests of YOLO families.

use super::{
    ClassSet, GraphInfo, ImageOutputs, MAX_MASKS, MasksWanted, Model, ModelError, ModelOptions, Output,
    OutputError, Outputs, Port, Query, Scratch, Thresholds,
};
use crate::{
    detection::Detection,
    preprocess::{Letterbox, ResizeMode},
};

/// Side of the input in pixels: 16, 4 and 1 cells, 21 together.
pub(super) const SIDE: usize = 32;
pub(super) const CELLS: usize = 21;

pub(super) const THRESHOLDS: Thresholds =
    Thresholds { confidence: 0.35, iou: 0.6, text: 0.0, max_detections: 300 };

pub(super) fn port(name: &str, dimensions: &[Option<usize>]) -> Port {
    Port { name: name.into(), element: "float32".into(), dimensions: dimensions.to_vec() }
}

/// A graph whose first output is `[batch, rows, columns]`.
pub(super) fn graph(rows: Option<usize>, columns: Option<usize>) -> GraphInfo {
    GraphInfo {
        inputs: vec![port("images", &[None, Some(3), Some(SIDE), Some(SIDE)])],
        outputs: vec![port("output0", &[None, rows, columns])],
        ..GraphInfo::default()
    }
}

/// The graph with so many prototypes of 8x8 cells.
pub(super) fn with_prototypes(mut graph: GraphInfo, count: usize) -> GraphInfo {
    graph.outputs.push(port("output1", &[None, Some(count), Some(8), Some(8)]));
    graph
}

/// The graph as one that an exporter has written the names of so many classes into.
pub(super) fn with_names(mut graph: GraphInfo, classes: usize) -> GraphInfo {
    let names: Vec<_> = (0..classes).map(|class| format!("{class}: 'name {class}'")).collect();
    graph.metadata.insert("names".to_owned(), format!("{{{}}}", names.join(", ")));
    graph
}

pub(super) fn recognise(graph: &GraphInfo) -> Result<Model, ModelError> {
    Model::recognise("pets", graph, &ModelOptions::default())
}

pub(super) fn named(family: &str, graph: &GraphInfo) -> Result<Model, ModelError> {
    Model::recognise("pets", graph, &ModelOptions { family: family.to_owned(), ..ModelOptions::default() })
}

/// What the model finds in the only image of outputs of these dimensions, an image of the input's size.
pub(super) fn detect(
    model: &Model,
    outputs: &[(&[usize], &[f32])],
    classes: &ClassSet,
) -> Result<Vec<Detection>, OutputError> {
    let names = ["output0", "output1"];
    let outputs = names.into_iter().zip(outputs).map(|(name, (shape, data))| Output {
        name,
        shape: [&[1], *shape].concat(),
        data,
    });
    let outputs = Outputs(outputs.collect());
    let size = model.input.size();
    let letterbox = Letterbox::new(ResizeMode::Stretch, size, size);
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: size };
    let query = Query {
        thresholds: THRESHOLDS,
        classes,
        vocabulary: &model.vocabulary,
        masks: Some(MasksWanted { above: 0.0, most: MAX_MASKS }),
    };
    let mut found = Vec::new();
    model.postprocess(&image, &query, &mut Scratch::default(), &mut found)?;
    Ok(found)
}

/// Class and sides of each detection.
pub(super) fn summary(found: &[Detection]) -> Vec<(usize, [f32; 4])> {
    let sides = |found: &Detection| {
        let bounds = found.bounding_box;
        (found.class_id, [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max])
    };
    found.iter().map(sides).collect()
}

/// Rows as columns.
pub(super) fn transposed(rows: &[Vec<f32>]) -> Vec<f32> {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).flat_map(|column| rows.iter().map(move |row| row[column])).collect()
}
