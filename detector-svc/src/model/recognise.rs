//! Telling from a graph's own inputs, outputs and metadata which model it is.

use super::{
    BoxesScores, Family, GraphInfo, Model, ModelError, Port, metadata::Metadata, metadata::MetadataError,
};
use crate::{
    image::ColorOrder,
    preprocess::{InputSpec, ResizeMode},
};

/// Grey of the pixels beside a letterboxed image, as the detectors were trained with.
const LETTERBOX_GREY: u8 = 114;

/// Pixel values scaled to 0..=1: what most detectors expect when their file says nothing.
const UNIT_MEAN: [f32; 3] = [0.0; 3];
const UNIT_STD: [f32; 3] = [255.0; 3];

pub(super) fn recognise(id: &str, graph: &GraphInfo, labels: &[String]) -> Result<Model, ModelError> {
    let image = image_input(graph).ok_or_else(|| unrecognised(graph))?;
    let (family, classes) = BoxesScores::recognise(graph).ok_or_else(|| unrecognised(graph))?;
    let metadata = Metadata::parse(&graph.metadata)?;
    Ok(Model {
        id: id.to_owned(),
        family: Family::BoxesScores(family),
        input: input_spec(image, &metadata)?,
        labels: class_labels(labels, metadata.names, classes)?,
    })
}

/// The only input, when it takes float images as `[batch, 3, height, width]`.
fn image_input(graph: &GraphInfo) -> Option<&Port> {
    match graph.inputs.as_slice() {
        [port]
            if port.element == "float32" && port.dimensions.len() == 4 && port.dimensions[1] == Some(3) =>
        {
            Some(port)
        }
        _ => None,
    }
}

fn input_spec(image: &Port, metadata: &Metadata) -> Result<InputSpec, MetadataError> {
    let side = |axis: usize| match (image.dimensions[axis + 2], metadata.image_size) {
        (Some(fixed), _) => u32::try_from(fixed).map_err(|_| MetadataError::NoInputSize),
        (None, Some(size)) => Ok(size[axis]),
        (None, None) => Err(MetadataError::NoInputSize),
    };
    Ok(InputSpec {
        name: image.name.clone(),
        width: side(1)?,
        height: side(0)?,
        color: metadata.color.unwrap_or(ColorOrder::Rgb),
        mean: metadata.mean.unwrap_or(UNIT_MEAN),
        std: metadata.std.unwrap_or(UNIT_STD),
        padding: LETTERBOX_GREY,
        resize: ResizeMode::LetterboxTopLeft,
    })
}

/// Names from the settings, else from the metadata, else `class_0`, `class_1`, …
fn class_labels(
    settings: &[String],
    metadata: Option<Vec<String>>,
    classes: Option<usize>,
) -> Result<Vec<String>, ModelError> {
    let given = if settings.is_empty() { metadata } else { Some(settings.to_vec()) };
    match (given, classes) {
        (Some(labels), Some(classes)) if labels.len() != classes => {
            Err(ModelError::Labels { classes, labels: labels.len() })
        }
        (Some(labels), _) => Ok(labels),
        (None, classes) => Ok((0..classes.unwrap_or(0)).map(|class| format!("class_{class}")).collect()),
    }
}

fn unrecognised(graph: &GraphInfo) -> ModelError {
    ModelError::Unrecognised {
        graph: graph.to_string(),
        expected: format!(
            "one float32 image input [batch, 3, height, width] and outputs {}",
            BoxesScores::EXPECTED
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn port(name: &str, dimensions: &[Option<usize>]) -> Port {
        Port { name: name.into(), element: "float32".into(), dimensions: dimensions.to_vec() }
    }

    fn graph() -> GraphInfo {
        GraphInfo {
            inputs: vec![port("images", &[None, Some(3), None, None])],
            outputs: vec![
                port("boxes", &[None, Some(10), Some(4)]),
                port("scores", &[None, Some(10), Some(2)]),
            ],
            metadata: [("names", r#"{"0":"cat","1":"dog"}"#), ("imgsz", "[320, 416]"), ("color", "bgr")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        }
    }

    #[test]
    fn metadata_fills_what_the_graph_leaves_open() {
        let model = Model::recognise("pets", &graph(), &[]).unwrap();
        assert_eq!((model.input.width, model.input.height), (416, 320));
        assert_eq!(model.input.color, ColorOrder::Bgr);
        assert_eq!(model.labels, ["cat", "dog"]);
        assert_eq!(model.to_string(), "pets (boxes_scores, 416x320, 2 classes)");
    }

    #[test]
    fn labels_from_the_settings_must_match_the_classes() {
        let labels = ["a".to_owned(), "b".to_owned()];
        assert_eq!(Model::recognise("pets", &graph(), &labels).unwrap().labels, labels);
        let error = Model::recognise("pets", &graph(), &labels[..1]).unwrap_err();
        assert!(matches!(error, ModelError::Labels { classes: 2, labels: 1 }), "{error}");
    }

    #[test]
    fn another_graph_is_refused_with_what_it_has_and_what_was_expected() {
        let mut classifier = graph();
        classifier.outputs = vec![port("logits", &[None, Some(1000)])];
        let message = Model::recognise("m", &classifier, &[]).unwrap_err().to_string();
        assert!(message.contains("`logits` float32[?,1000]") && message.contains("`boxes`"), "{message}");
        let mut text = graph();
        text.inputs[0].element = "int64".into();
        assert!(Model::recognise("m", &text, &[]).is_err());
    }
}
