//! What a model is: how its inputs are made, what its outputs mean. Told apart by the graph itself, and by what lies
//! beside it.

mod boxes_scores;
mod classes;
mod decode;
mod description;
mod detr;
mod detr_deploy;
mod error;
mod family;
#[cfg(test)]
pub(crate) mod fixture;
mod graph;
mod grounding_dino;
mod image_spec;
mod labels;
mod mask_former;
mod nms;
mod outputs;
mod owl;
mod prototypes;
mod queries;
mod recognise;
mod side_input;
mod softmax;
mod ssd;
mod text;
mod vocabulary;
mod yolo;
mod yolo_end2end;
#[cfg(test)]
mod yolo_fixture;
mod yolo_head;
mod yolov5;
mod yolox;

use std::{fmt, sync::Arc};

pub(crate) use self::image_spec::segmenter_input;
use self::text::Queries;
pub use self::{
    boxes_scores::BoxesScores,
    classes::ClassSet,
    description::{DescriptionError, Sidecars},
    detr::Detr,
    detr_deploy::DetrDeploy,
    error::{ModelError, OutputError},
    family::Family,
    graph::{GraphInfo, Port},
    grounding_dino::GroundingDino,
    labels::Labels,
    mask_former::MaskFormer,
    nms::Scratch,
    outputs::{ImageOutputs, Matrix, Output, Outputs, Planes},
    owl::Owl,
    recognise::{Batch, ModelOptions},
    side_input::{SideInput, SideInputKind},
    ssd::Ssd,
    text::{TokenizerError, VocabularyError},
    vocabulary::{Prompt, Vocabulary},
    yolo::Yolo,
    yolo_end2end::YoloEnd2End,
    yolov5::Yolov5,
    yolox::Yolox,
};
use crate::{detection::Detection, mask::Region, preprocess::InputSpec};

/// What counts as a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Least score, 0..=1; a score equal to it does not count.
    pub confidence: f32,
    /// Boxes of one class that overlap by more than this (IoU, 0..=1) are one object.
    pub iou: f32,
    /// Least score of a query's words, 0..=1, in models that score words and objects apart.
    pub text: f32,
    /// Most detections, the most confident ones: 1 to [`MAX_DETECTIONS`].
    pub max_detections: usize,
}

/// What an image is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What counts as a detection.
    pub thresholds: Thresholds,
    /// Classes that are wanted.
    pub classes: &'a ClassSet,
    /// What the image was searched for.
    pub vocabulary: &'a Vocabulary,
    /// Which objects masks are wanted for, where the model makes them; `None`: for none.
    pub masks: Option<MasksWanted>,
}

/// Which objects masks are wanted for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MasksWanted {
    /// Score above which: what only a tracker wants to know needs none.
    pub above: f32,
    /// For so many at most, the most confident ones: a mask may be as large as the image.
    pub most: usize,
}

/// Most masks of one image, the most confident objects'.
pub const MAX_MASKS: usize = 100;

/// Most detections that can be asked for: no more candidates are looked at.
pub const MAX_DETECTIONS: usize = nms::MAX_CANDIDATES;

/// A model in use: everything about it but the session that runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Name in metrics and messages: the file's name without its extension.
    pub id: String,
    /// How outputs are read.
    pub family: Family,
    /// How the image input is made.
    pub input: InputSpec,
    /// How many images a run takes.
    pub batch: Batch,
    /// What else the graph is given.
    pub side_inputs: Vec<SideInput>,
    /// How it is asked in words; `None` when it looks for what it was trained with.
    pub(crate) queries: Option<Queries>,
    /// What images are searched for unless a request says otherwise.
    pub vocabulary: Arc<Vocabulary>,
}

impl Model {
    /// Works out from a graph how to serve it.
    ///
    /// # Errors
    /// [`ModelError`] when the graph is not of the family, contradicts itself or cannot be served as `options` ask.
    pub fn recognise(id: &str, graph: &GraphInfo, options: &ModelOptions) -> Result<Self, ModelError> {
        recognise::recognise(id, graph, options)
    }

    /// Reads the detections that `query` asks for in one image of a batch, in source-image pixels, most confident first,
    /// into `found`, in place of what is there.
    ///
    /// Overlapping boxes of one class are suppressed in the model's own pixels, and only then do boxes go to the image's
    /// and lose what lies outside it.
    ///
    /// # Errors
    /// [`OutputError`] when the outputs are not those of the family or hold what is no number; nothing is found then.
    pub fn postprocess(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        scratch: &mut Scratch,
        found: &mut Vec<Detection>,
    ) -> Result<(), OutputError> {
        found.clear();
        scratch.candidates.clear();
        let family = self.family.decode();
        family.candidates(image, query, &mut scratch.candidates)?;
        let finite = |candidate: &nms::Candidate| {
            candidate.confidence.is_finite() && candidate.corners.iter().all(|side| side.is_finite())
        };
        if !scratch.candidates.iter().all(finite) {
            return Err(OutputError::Infinite);
        }
        let iou = family.suppresses().then_some(query.thresholds.iou);
        let (width, height) = image.letterbox.source_size();
        for candidate in scratch.best(iou) {
            let bounding_box = image.letterbox.to_source(candidate.corners);
            // A box in the padding has nothing of the image, and must not take the place of one that has.
            if bounding_box.area() <= 0.0 {
                continue;
            }
            let (class_id, confidence) = (candidate.class_id, candidate.confidence);
            let wanted = |masks: MasksWanted| confidence > masks.above && found.len() < masks.most;
            let mask = if query.masks.is_some_and(wanted) {
                let region = Region::around(&bounding_box, width, height);
                family.mask(image, &candidate, region).inspect_err(|_| found.clear())?
            } else {
                None
            };
            found.push(Detection { class_id, confidence, bounding_box, track_id: None, mask });
            if found.len() == query.thresholds.max_detections {
                break;
            }
        }
        Ok(())
    }

    /// Whether the model can be asked for anything, in words.
    #[must_use]
    pub fn is_open_vocabulary(&self) -> bool {
        self.queries.is_some()
    }

    /// What an image is searched for that is searched for these labels, each a query in words.
    ///
    /// # Errors
    /// [`VocabularyError`]: the model has classes of its own, or cannot be asked for these labels.
    pub fn vocabulary(&self, labels: &[String]) -> Result<Vocabulary, VocabularyError> {
        self.queries.as_ref().ok_or(VocabularyError::Closed)?.vocabulary(labels)
    }

    /// Whether the model tells which pixels are an object's.
    #[must_use]
    pub fn has_masks(&self) -> bool {
        self.family.decode().has_masks()
    }

    /// Names of what images are searched for unless a request says otherwise.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.vocabulary.labels
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputSpec { width, height, .. } = self.input;
        write!(f, "{} ({}, {width}x{height}, {} classes)", self.id, self.family.name(), self.labels().len())
    }
}
