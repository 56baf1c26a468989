//! What a model is: how its input is made, what its outputs mean. Told apart by the graph itself.

mod boxes_scores;
mod graph;
mod metadata;
mod nms;
mod recognise;

use std::fmt;

use thiserror::Error;

pub use boxes_scores::BoxesScores;
pub use graph::{GraphInfo, Output, Outputs, Port};
pub use metadata::MetadataError;

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
    /// Most detections, the most confident ones.
    pub max_detections: usize,
}

/// How a family of models encodes detections in its outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Family {
    /// Boxes decoded in the graph beside a score for every class.
    BoxesScores(BoxesScores),
}

impl Family {
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

/// Why a graph's outputs could not be read.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The graph did not return an output that the family needs.
    #[error("the model returned no output `{0}`")]
    Missing(String),
    /// An output has other dimensions than the family's.
    #[error("output `{name}` has shape {shape:?}, expected {expected}")]
    Shape {
        /// Name of the output.
        name: String,
        /// Its dimensions.
        shape: Vec<usize>,
        /// What the family calls for.
        expected: String,
    },
}

/// Why a graph is not a model that can be served.
#[derive(Debug, Error)]
pub enum ModelError {
    /// No family has such inputs and outputs.
    #[error("not a detector of a known family: the graph has {graph}; expected {expected}")]
    Unrecognised {
        /// Inputs and outputs of the graph.
        graph: String,
        /// What the known families have.
        expected: String,
    },
    /// The metadata in the file contradicts itself or the graph.
    #[error("model metadata: {0}")]
    Metadata(#[from] MetadataError),
    /// The number of class names is not the number of classes.
    #[error("the model has {classes} classes, but {labels} labels are given")]
    Labels {
        /// Classes that the graph scores.
        classes: usize,
        /// Names given.
        labels: usize,
    },
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
    /// Works out from a graph how to serve it. `labels` replaces the names in the metadata unless empty.
    ///
    /// # Errors
    /// [`ModelError`] when the graph is of no known family or contradicts itself.
    pub fn recognise(id: &str, graph: &GraphInfo, labels: &[String]) -> Result<Self, ModelError> {
        recognise::recognise(id, graph, labels)
    }

    /// Reads the detections of image `index` of a batch, in source-image pixels, most confident first.
    ///
    /// # Errors
    /// [`OutputError`] when the outputs are not those of the family.
    pub fn postprocess(
        &self,
        outputs: &Outputs<'_>,
        index: usize,
        letterbox: &Letterbox,
        thresholds: &Thresholds,
    ) -> Result<Vec<Detection>, OutputError> {
        match &self.family {
            Family::BoxesScores(family) => family.postprocess(outputs, index, letterbox, thresholds),
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
