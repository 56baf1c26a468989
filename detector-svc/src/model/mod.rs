//! What a model is: how its input is made, what its outputs mean. Told apart by the graph itself.

mod boxes_scores;
mod classes;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod graph;
mod metadata;
mod nms;
mod recognise;

use std::fmt;

pub use boxes_scores::BoxesScores;
pub use classes::ClassSet;
pub use error::{ModelError, OutputError};
pub use graph::{GraphInfo, Output, Outputs, Port};
pub use metadata::MetadataError;
pub use nms::Scratch;
pub use recognise::ModelOptions;

use crate::{
    detection::Detection,
    preprocess::{InputSpec, Letterbox},
};

/// What counts as a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Least score, 0..=1; a score equal to it does not count.
    pub confidence: f32,
    /// Boxes of one class that overlap by more than this (IoU, 0..=1) are one object.
    pub iou: f32,
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
}

/// Most detections that can be asked for: no more candidates are looked at.
pub const MAX_DETECTIONS: usize = nms::MAX_CANDIDATES;

/// How a family of models encodes detections in its outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Family {
    /// Boxes decoded in the graph beside a score for every class.
    BoxesScores(BoxesScores),
}

impl Family {
    /// What stands for any family in settings.
    pub const AUTO: &'static str = "auto";
    /// Name of every family, for settings.
    pub const NAMES: &'static [&'static str] = &[BoxesScores::NAME];

    /// Name in settings and in `GetModel`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BoxesScores(_) => BoxesScores::NAME,
        }
    }
}

/// A model in use: everything about it but the session that runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Name in metrics and messages: the file's name without its extension.
    pub id: String,
    /// How outputs are read.
    pub family: Family,
    /// How inputs are made.
    pub input: InputSpec,
    /// Class names in the order of class identifiers.
    pub labels: Vec<String>,
}

impl Model {
    /// Works out from a graph how to serve it.
    ///
    /// # Errors
    /// [`ModelError`] when the graph is not of the family, contradicts itself or cannot be served as `options` ask.
    pub fn recognise(id: &str, graph: &GraphInfo, options: &ModelOptions) -> Result<Self, ModelError> {
        recognise::recognise(id, graph, options)
    }

    /// Reads the detections that `query` asks for in image `index` of a batch, in source-image pixels, most confident first, into
    /// `found`, in place of what is there.
    ///
    /// # Errors
    /// [`OutputError`] when the outputs are not those of the family; nothing is found then.
    pub fn postprocess(
        &self,
        outputs: &Outputs<'_>,
        index: usize,
        letterbox: &Letterbox,
        query: &Query<'_>,
        scratch: &mut Scratch,
        found: &mut Vec<Detection>,
    ) -> Result<(), OutputError> {
        match &self.family {
            Family::BoxesScores(family) => {
                family.postprocess(outputs, index, letterbox, query, scratch, found)
            }
        }
    }

    /// Class identifier of a label.
    #[must_use]
    pub fn class_id(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|l| l == label)
    }

    /// Name of a class; empty for an identifier that the model does not have.
    #[must_use]
    pub fn label(&self, class_id: usize) -> &str {
        self.labels.get(class_id).map_or("", String::as_str)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputSpec { width, height, .. } = self.input;
        write!(f, "{} ({}, {width}x{height}, {} classes)", self.id, self.family.name(), self.labels.len())
    }
}
