//! Why a segmenter cannot be used.

use thiserror::Error;

use crate::model::ModelError;

/// Why files are no segmenter.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SegmenterError {
    /// Its files are not there.
    #[error("looked for {looked_for}, found {found}")]
    Files {
        /// What should be there.
        looked_for: String,
        /// What is there.
        found: String,
    },
    /// The encoder takes no image.
    #[error("the encoder takes no image: it has {graph}")]
    NoImage {
        /// Its inputs and outputs.
        graph: String,
    },
    /// The decoder takes no boxes.
    #[error(
        "the decoder takes no boxes: it has {graph}; expected an input `input_boxes`, or `input_points` and \
         `input_labels`"
    )]
    NoPrompts {
        /// Its inputs and outputs.
        graph: String,
    },
    /// The decoder makes no masks.
    #[error("the decoder makes no masks: it has {graph}; expected outputs `pred_masks` and `iou_scores`")]
    NoMasks {
        /// Its inputs and outputs.
        graph: String,
    },
    /// The decoder has inputs that nothing fills.
    #[error(
        "the decoder has inputs {inputs}, which are neither prompts nor outputs of the encoder: {encoder}"
    )]
    UnknownInputs {
        /// The inputs.
        inputs: String,
        /// Outputs of the encoder.
        encoder: String,
    },
    /// The model that should find every object makes no masks.
    #[error("a model of the family `{family}` makes no masks: FastSAM has those of YOLO-seg")]
    NotASegmenter {
        /// Its family.
        family: &'static str,
    },
    /// What is said of the model cannot be.
    #[error(transparent)]
    Model(#[from] ModelError),
}
