//! Telling from a graph's own inputs, outputs and metadata, and from what lies beside it, which model it is.

use std::sync::Arc;

use super::{
    DescriptionError, Detr, GraphInfo, Model, ModelError, Port, Sidecars, Vocabulary,
    description::Description,
    family::{Family, KINDS},
    side_input::side_inputs,
    text::Queries,
};
use crate::{
    image::{CHANNELS, ColorOrder},
    preprocess::{Element, Filter, InputSpec, Layout, ResizeMode},
};

/// Grey of the pixels beside a letterboxed image, as most detectors were trained with.
const LETTERBOX_GREY: [f32; CHANNELS] = [114.0; CHANNELS];

/// Pixel values scaled to 0..=1: what most detectors expect when nothing is said.
const UNIT_MEAN: [f32; CHANNELS] = [0.0; CHANNELS];
const UNIT_STD: [f32; CHANNELS] = [255.0; CHANNELS];

/// Most pixels along a side of an input, so that a file's claim cannot take all memory.
const MAX_SIDE: usize = 8192;
/// Most bytes of the tensor for the largest batch.
const MAX_BATCH_BYTES: u64 = 2 << 30;
/// Most images that a graph may take in every run.
const MAX_FIXED_BATCH: usize = 64;
/// Most classes; open vocabularies have some ten thousand.
const MAX_CLASSES: usize = 65_536;
/// Classes that get a name (`class_0`, `class_1`, …) when nothing tells how many there are.
pub(super) const UNNAMED_CLASSES: usize = 1000;

/// How a model is to be served, as far as the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// Name of the family that the model must be of, or [`Family::AUTO`].
    pub family: String,
    /// Class names in the order of class identifiers, instead of those in the metadata; empty: those.
    pub labels: Vec<String>,
    /// Most images in one run, at least 1.
    pub max_batch: usize,
    /// What lies beside the model.
    pub sidecars: Sidecars,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            family: Family::AUTO.to_owned(),
            labels: Vec::new(),
            max_batch: 1,
            sidecars: Sidecars::default(),
        }
    }
}

/// How many images a run of a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Most images in a run.
    pub max: usize,
    /// Images that every run takes, some of them blank; `None` when a run takes any number.
    pub fixed: Option<usize>,
}

impl Batch {
    /// Slots of a tensor that holds the largest batch.
    #[must_use]
    pub fn slots(self) -> usize {
        self.fixed.unwrap_or(self.max)
    }
}

/// What a family is recognised by.
pub(super) struct Evidence<'a> {
    pub(super) graph: &'a GraphInfo,
    pub(super) description: &'a Description,
    /// Width and height of the image input, as far as the graph or the description tells.
    pub(super) size: Option<(u32, u32)>,
    /// Class names that are known, from the settings or the description.
    pub(super) labels: Option<&'a [String]>,
    /// Whether somebody says that it is this family, so that what is likely is enough.
    pub(super) named: bool,
}

/// A family as graphs are held against it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What a graph of it has, for messages.
    pub(super) expected: &'static str,
    /// Tells whether the graph is one of it.
    pub(super) recognise: fn(&Evidence<'_>) -> Option<Recognised>,
}

/// A graph of a family.
pub(super) struct Recognised {
    pub(super) family: Family,
    /// How many classes it scores, when the graph tells.
    pub(super) classes: Option<usize>,
    /// How its input is made unless something else is said.
    pub(super) input: Input,
}

/// How an input is made.
pub(super) struct Input {
    pub(super) color: ColorOrder,
    pub(super) mean: [f32; CHANNELS],
    pub(super) std: [f32; CHANNELS],
    pub(super) padding: [f32; CHANNELS],
    pub(super) resize: ResizeMode,
    pub(super) filter: Filter,
}

impl Default for Input {
    /// What most detectors are trained with: letterboxed at the top left on grey, red first, pixels 0..=1.
    fn default() -> Self {
        Self {
            color: ColorOrder::Rgb,
            mean: UNIT_MEAN,
            std: UNIT_STD,
            padding: LETTERBOX_GREY,
            resize: ResizeMode::LetterboxTopLeft,
            filter: Filter::Bilinear,
        }
    }
}

/// What helps with a graph that may be of several families.
const HOW_TO_NAME: &str = "; if it is one of these, say which by the setting `model.family` or by `family` in `model.toml` beside the model";

/// The input that takes images.
pub(super) struct ImageInput<'a> {
    port: &'a Port,
    layout: Layout,
    element: Element,
}

pub(super) fn recognise(id: &str, graph: &GraphInfo, options: &ModelOptions) -> Result<Model, ModelError> {
    let description = Description::read(graph, &options.sidecars)?;
    let family = match (options.family.as_str(), &description.family) {
        (Family::AUTO, Some(family)) => family.as_str(),
        (family, _) => family,
    };
    let kinds = kinds(family)?;
    let image = image_input(graph).ok_or_else(|| unrecognised(graph, family, &kinds))?;
    let labels = (!options.labels.is_empty()).then_some(options.labels.as_slice());
    let evidence = Evidence {
        graph,
        description: &description,
        size: size(&image, &description).ok(),
        labels: labels.or(description.names.as_deref()),
        named: family != Family::AUTO,
    };
    let recognised = kinds.iter().find_map(|kind| (kind.recognise)(&evidence));
    let recognised = recognised.ok_or_else(|| {
        let ambiguity = Detr::ambiguity(&evidence).filter(|_| !evidence.named);
        ambiguity.unwrap_or_else(|| unrecognised(graph, family, &kinds))
    })?;
    let side_inputs = side_inputs(graph, image.port).map_err(|inputs| unknown_inputs(&inputs))?;
    let input = input_spec(&image, &description, &recognised.input)?;
    let batch = batch(image.port, &input, options.max_batch)?;
    let tokenizer = options.sidecars.tokenizer.as_deref();
    let queries = recognised.family.decode().query_layout();
    let queries =
        queries.map(|layout| Queries::new(layout, graph, batch.fixed, description.text_tokens, tokenizer));
    let queries = queries.transpose()?;
    let vocabulary = match &queries {
        Some(queries) => queries.vocabulary(&evidence.labels.map_or_else(Queries::usual, <[_]>::to_vec))?,
        None => {
            Vocabulary { labels: class_labels(evidence.labels, recognised.classes)?.into(), prompt: None }
        }
    };
    Ok(Model {
        id: id.to_owned(),
        family: recognised.family,
        input,
        batch,
        side_inputs,
        queries,
        vocabulary: Arc::new(vocabulary),
    })
}

/// The families that a graph may be of.
fn kinds(family: &str) -> Result<Vec<&'static Kind>, ModelError> {
    let kinds: Vec<_> = KINDS.iter().filter(|kind| family == Family::AUTO || family == kind.name).collect();
    if kinds.is_empty() {
        let known = Family::names().collect();
        return Err(ModelError::UnknownFamily { name: family.to_owned(), known });
    }
    Ok(kinds)
}

/// The first input that takes images, as `[batch, 3, height, width]` or `[batch, height, width, 3]`.
pub(super) fn image_input(graph: &GraphInfo) -> Option<ImageInput<'_>> {
    graph.inputs.iter().find_map(|port| {
        let element = match port.element.as_str() {
            "float32" => Element::F32,
            "float16" => Element::F16,
            "uint8" => Element::U8,
            _ => return None,
        };
        let layout = match *port.dimensions.as_slice() {
            [_, Some(CHANNELS), _, _] => Layout::Planar,
            [_, _, _, Some(CHANNELS)] => Layout::Interleaved,
            [_, None, _, _] => Layout::Planar,
            _ => return None,
        };
        Some(ImageInput { port, layout, element })
    })
}

/// Width and height of the input.
fn size(image: &ImageInput<'_>, description: &Description) -> Result<(u32, u32), ModelError> {
    let axes = match image.layout {
        Layout::Planar => [2, 3],
        Layout::Interleaved => [1, 2],
    };
    let side = |index: usize| match (image.port.dimensions[axes[index]], description.image_size) {
        (Some(fixed), _) => Ok(fixed),
        (None, Some(size)) => Ok(size[index] as usize),
        (None, None) => Err(DescriptionError::NoInputSize),
    };
    let (height, width) = (side(0)?, side(1)?);
    let too_large = || ModelError::InputSize { width, height, max: MAX_SIDE };
    let fits = |side: usize| u32::try_from(side).ok().filter(|_| (1..=MAX_SIDE).contains(&side));
    Ok((fits(width).ok_or_else(too_large)?, fits(height).ok_or_else(too_large)?))
}

pub(super) fn input_spec(
    image: &ImageInput<'_>,
    description: &Description,
    usual: &Input,
) -> Result<InputSpec, ModelError> {
    let (width, height) = size(image, description)?;
    Ok(InputSpec {
        name: image.port.name.clone(),
        width,
        height,
        color: description.color.unwrap_or(usual.color),
        mean: description.mean.unwrap_or(usual.mean),
        std: description.std.unwrap_or(usual.std),
        padding: description.padding.unwrap_or(usual.padding),
        resize: description.resize.unwrap_or(usual.resize),
        filter: description.filter.unwrap_or(usual.filter),
        layout: image.layout,
        element: image.element,
    })
}

/// How many images a run takes; memory must hold them.
fn batch(image: &Port, input: &InputSpec, max_batch: usize) -> Result<Batch, ModelError> {
    let batch = match image.dimensions[0] {
        Some(fixed) if fixed == 0 || fixed > MAX_FIXED_BATCH => {
            return Err(ModelError::FixedBatch { fixed, max: MAX_FIXED_BATCH });
        }
        Some(fixed) => Batch { max: fixed.min(max_batch), fixed: Some(fixed) },
        None => Batch { max: max_batch, fixed: None },
    };
    let bytes = (input.len() * input.element.size()) as u64;
    let bytes = bytes.saturating_mul(batch.slots() as u64);
    if bytes > MAX_BATCH_BYTES {
        return Err(ModelError::BatchBytes { max_batch: batch.slots(), bytes, max: MAX_BATCH_BYTES });
    }
    Ok(batch)
}

/// The names that are known, else `class_0`, `class_1`, …
fn class_labels(given: Option<&[String]>, classes: Option<usize>) -> Result<Vec<String>, ModelError> {
    if let Some(classes) = classes.filter(|classes| *classes > MAX_CLASSES) {
        return Err(ModelError::Classes { classes, max: MAX_CLASSES });
    }
    match (given, classes) {
        (Some(labels), Some(classes)) if labels.len() != classes => {
            Err(ModelError::Labels { classes, labels: labels.len() })
        }
        (Some(labels), _) => Ok(labels.to_vec()),
        (None, classes) => Ok((0..classes.unwrap_or(0)).map(|class| format!("class_{class}")).collect()),
    }
}

fn unknown_inputs(inputs: &[Port]) -> ModelError {
    let inputs: Vec<_> = inputs.iter().map(Port::to_string).collect();
    ModelError::UnknownInputs { inputs: inputs.join(", ") }
}

fn unrecognised(graph: &GraphInfo, family: &str, kinds: &[&Kind]) -> ModelError {
    let tried: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.name, kind.expected)).collect();
    let (family, hint) = match family {
        Family::AUTO => ("a known family".to_owned(), HOW_TO_NAME),
        name => (format!("family `{name}`"), ""),
    };
    ModelError::Unrecognised { family, graph: graph.to_string(), expected: tried.join("; ") + hint }
}

#[cfg(test)]
#[path = "recognise_tests.rs"]
mod tests;
