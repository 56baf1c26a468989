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

/// Most pixels along a side of an input, so that a file's claim cannot take all memory.
const MAX_SIDE: usize = 8192;
/// Most bytes of the tensor for the largest batch.
const MAX_BATCH_BYTES: u64 = 2 << 30;
/// Most classes; open vocabularies have some ten thousand.
const MAX_CLASSES: usize = 65_536;

/// How a model is to be served, as far as the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// Name of the family that the model must be of, or [`Family::AUTO`].
    pub family: String,
    /// Class names in the order of class identifiers, instead of those in the metadata; empty: those.
    pub labels: Vec<String>,
    /// Most images in one run, at least 1.
    pub max_batch: usize,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { family: Family::AUTO.to_owned(), labels: Vec::new(), max_batch: 1 }
    }
}

/// A family and its number of classes, when the graph tells it.
type Recognised = (Family, Option<usize>);

/// A family as graphs are held against it.
struct Kind {
    name: &'static str,
    expected: &'static str,
    /// Tells whether the graph is one of it.
    recognise: fn(&GraphInfo) -> Option<Recognised>,
}

/// The families in the order in which they are tried.
const KINDS: &[Kind] = &[Kind {
    name: BoxesScores::NAME,
    expected: BoxesScores::EXPECTED,
    recognise: |graph| {
        BoxesScores::recognise(graph).map(|(family, classes)| (Family::BoxesScores(family), classes))
    },
}];

pub(super) fn recognise(id: &str, graph: &GraphInfo, options: &ModelOptions) -> Result<Model, ModelError> {
    let kinds = kinds(&options.family)?;
    let image = image_input(graph).ok_or_else(|| unrecognised(graph, options, &kinds))?;
    let recognised = kinds.iter().find_map(|kind| (kind.recognise)(graph));
    let (family, classes) = recognised.ok_or_else(|| unrecognised(graph, options, &kinds))?;
    let metadata = Metadata::parse(&graph.metadata)?;
    let input = input_spec(image, &metadata)?;
    check_batch(image, &input, options.max_batch)?;
    Ok(Model {
        id: id.to_owned(),
        family,
        input,
        labels: class_labels(&options.labels, metadata.names, classes)?,
    })
}

/// The families that a graph may be of.
fn kinds(family: &str) -> Result<Vec<&'static Kind>, ModelError> {
    let kinds: Vec<_> = KINDS.iter().filter(|kind| family == Family::AUTO || family == kind.name).collect();
    if kinds.is_empty() {
        return Err(ModelError::UnknownFamily { name: family.to_owned(), known: Family::NAMES });
    }
    Ok(kinds)
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

fn input_spec(image: &Port, metadata: &Metadata) -> Result<InputSpec, ModelError> {
    let side = |axis: usize| match (image.dimensions[axis + 2], metadata.image_size) {
        (Some(fixed), _) => Ok(fixed),
        (None, Some(size)) => Ok(size[axis] as usize),
        (None, None) => Err(MetadataError::NoInputSize),
    };
    let (width, height) = (side(1)?, side(0)?);
    let too_large = || ModelError::InputSize { width, height, max: MAX_SIDE };
    let fits = |side: usize| u32::try_from(side).ok().filter(|_| (1..=MAX_SIDE).contains(&side));
    Ok(InputSpec {
        name: image.name.clone(),
        width: fits(width).ok_or_else(too_large)?,
        height: fits(height).ok_or_else(too_large)?,
        color: metadata.color.unwrap_or(ColorOrder::Rgb),
        mean: metadata.mean.unwrap_or(UNIT_MEAN),
        std: metadata.std.unwrap_or(UNIT_STD),
        padding: LETTERBOX_GREY,
        resize: ResizeMode::LetterboxTopLeft,
    })
}

/// Batches hold one image up to `max_batch` of them; the graph must take them, and memory hold them.
fn check_batch(image: &Port, input: &InputSpec, max_batch: usize) -> Result<(), ModelError> {
    match image.dimensions[0] {
        Some(1) if max_batch > 1 => return Err(ModelError::OneImage { max_batch }),
        Some(fixed) if fixed != 1 => return Err(ModelError::FixedBatch { fixed }),
        _ => {}
    }
    let bytes = (input.len() * size_of::<f32>()) as u64;
    let bytes = bytes.saturating_mul(max_batch as u64);
    if bytes > MAX_BATCH_BYTES {
        return Err(ModelError::BatchBytes { max_batch, bytes, max: MAX_BATCH_BYTES });
    }
    Ok(())
}

/// Names from the settings, else from the metadata, else `class_0`, `class_1`, …
fn class_labels(
    settings: &[String],
    metadata: Option<Vec<String>>,
    classes: Option<usize>,
) -> Result<Vec<String>, ModelError> {
    if let Some(classes) = classes.filter(|classes| *classes > MAX_CLASSES) {
        return Err(ModelError::Classes { classes, max: MAX_CLASSES });
    }
    let given = if settings.is_empty() { metadata } else { Some(settings.to_vec()) };
    match (given, classes) {
        (Some(labels), Some(classes)) if labels.len() != classes => {
            Err(ModelError::Labels { classes, labels: labels.len() })
        }
        (Some(labels), _) => Ok(labels),
        (None, classes) => Ok((0..classes.unwrap_or(0)).map(|class| format!("class_{class}")).collect()),
    }
}

fn unrecognised(graph: &GraphInfo, options: &ModelOptions, kinds: &[&Kind]) -> ModelError {
    let outputs: Vec<_> = kinds.iter().map(|kind| kind.expected).collect();
    let family = match options.family.as_str() {
        Family::AUTO => "a known family".to_owned(),
        name => format!("family `{name}`"),
    };
    let expected =
        format!("one float32 image input [batch, 3, height, width] and outputs {}", outputs.join(", or "));
    ModelError::Unrecognised { family, graph: graph.to_string(), expected }
}

#[cfg(test)]
#[path = "recognise_tests.rs"]
mod tests;
