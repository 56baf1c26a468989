//! SAM 2 and 2.1 as exports for Transformers.js have them: an encoder of images, and a decoder that makes masks from what
//! that made and from prompts. Read as `Sam2Processor` of Hugging Face's `transformers` does.

use super::{PromptForm, SegmenterError, extent::extent};
use crate::{
    mask::{Logits, Mask},
    model::{GraphInfo, Output, OutputError, Outputs, Port},
    preprocess::Letterbox,
};

/// Output with the logits of the masks, `[1, boxes, masks, rows, columns]`, coarser than the input.
pub const MASKS: &str = "pred_masks";
/// Output with how good the model thinks each mask is, `[1, boxes, masks]`.
pub const SCORES: &str = "iou_scores";

/// What an input of the decoder is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderInput {
    /// Boxes.
    Boxes,
    /// Points.
    Points,
    /// What each point is.
    Labels,
    /// The encoder's output of the same name.
    Embedding,
}

/// What each input of a decoder is given, in the graph's order, and which of them the boxes go to. Inputs are told by
/// their names.
///
/// # Errors
/// [`SegmenterError`] when an input is neither a prompt nor an output of the encoder, or no masks come of boxes.
pub fn decoder_inputs(
    decoder: &GraphInfo,
    encoder: &GraphInfo,
) -> Result<(Vec<DecoderInput>, PromptForm), SegmenterError> {
    let kinds: Vec<_> = decoder.inputs.iter().map(|port| kind(port, encoder)).collect();
    let unknown: Vec<_> =
        decoder.inputs.iter().zip(&kinds).filter(|(_, kind)| kind.is_none()).map(|(port, _)| port).collect();
    if !unknown.is_empty() {
        let list = |ports: &[&Port]| ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let encoder = list(&encoder.outputs.iter().collect::<Vec<_>>());
        return Err(SegmenterError::UnknownInputs { inputs: list(&unknown), encoder });
    }
    let inputs: Vec<DecoderInput> = kinds.into_iter().flatten().collect();
    let has = |kind| inputs.contains(&kind);
    let form = match (has(DecoderInput::Boxes), has(DecoderInput::Points) && has(DecoderInput::Labels)) {
        (true, _) => PromptForm::Boxes,
        (false, true) => PromptForm::Corners,
        (false, false) => return Err(SegmenterError::NoPrompts { graph: decoder.to_string() }),
    };
    if decoder.output(MASKS).is_none() || decoder.output(SCORES).is_none() {
        return Err(SegmenterError::NoMasks { graph: decoder.to_string() });
    }
    Ok((inputs, form))
}

fn kind(port: &Port, encoder: &GraphInfo) -> Option<DecoderInput> {
    match port.name.as_str() {
        "input_boxes" => Some(DecoderInput::Boxes),
        "input_points" => Some(DecoderInput::Points),
        "input_labels" => Some(DecoderInput::Labels),
        name => encoder.output(name).map(|_| DecoderInput::Embedding),
    }
}

/// The mask of each of so many boxes: of the masks that the decoder offers that which it thinks best, over the whole
/// image, since an object may reach beyond its box. `None` for one without a pixel.
///
/// `letterbox` tells where the image lies in the encoder's input of `input` (width, height) pixels.
///
/// # Errors
/// [`OutputError`] when the outputs are not a SAM decoder's or hold what is no number.
pub fn masks(
    outputs: &Outputs<'_>,
    boxes: usize,
    letterbox: &Letterbox,
    input: (u32, u32),
) -> Result<Vec<Option<Mask>>, OutputError> {
    let output = |name: &str| {
        let found = outputs.0.iter().find(|output| output.name == name);
        found.ok_or_else(|| OutputError::Missing(name.to_owned()))
    };
    let (logits, scores) = (output(MASKS)?, output(SCORES)?);
    let each = scores.data.len() / boxes.max(1);
    if each == 0 || each * boxes != scores.data.len() {
        return Err(shape(scores, format!("[1, {boxes}, masks]")));
    }
    let planes = boxes * each;
    let (height, width) = match *logits.shape.as_slice() {
        [.., height, width] if planes * height * width == logits.data.len() && height * width > 0 => {
            (height, width)
        }
        _ => return Err(shape(logits, format!("[1, {boxes}, {each}, rows, columns]"))),
    };
    let mut found = Vec::with_capacity(boxes);
    for (scores, planes) in
        scores.data.chunks_exact(each).zip(logits.data.chunks_exact(each * height * width))
    {
        let values = planes.chunks_exact(height * width).nth(best(scores)?).unwrap_or_default();
        if values.iter().any(|value| value.is_nan()) {
            return Err(OutputError::NotANumber(MASKS.to_owned()));
        }
        let logits = Logits { width, height, values };
        let region = extent(logits, letterbox, input);
        let mask = region.map(|region| Mask::from_logits(logits, letterbox, input, region));
        found.push(mask.filter(|mask| mask.area() > 0));
    }
    Ok(found)
}

/// Which of a box's masks is the best; the first of equal ones.
fn best(scores: &[f32]) -> Result<usize, OutputError> {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, score) in scores.iter().enumerate() {
        if score.is_nan() {
            return Err(OutputError::NotANumber(SCORES.to_owned()));
        }
        if *score > best.1 {
            best = (index, *score);
        }
    }
    Ok(best.0)
}

fn shape(output: &Output<'_>, expected: String) -> OutputError {
    OutputError::Shape { name: output.name.to_owned(), shape: output.shape.clone(), expected }
}

#[cfg(test)]
#[path = "sam_tests.rs"]
mod tests;
