//! The values of a graph's inputs beside the image.

use ort::{
    session::SessionInputValue,
    value::{Tensor, TensorElementType},
};

use super::InferenceError;
use crate::{
    model::{Prompt, SideInput, SideInputKind},
    preprocess::Letterbox,
};

/// What the values are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// Images of the run.
    pub(super) images: usize,
    /// Where each of them lies in the input; a blank one past the last.
    pub(super) letterboxes: &'a [Letterbox],
    /// Width and height of the image input.
    pub(super) input: (u32, u32),
    /// What they are searched for.
    pub(super) prompt: Option<&'a Prompt>,
}

/// The value of an input for one run.
pub(super) fn value(
    side: &SideInput,
    element: TensorElementType,
    given: &Given<'_>,
) -> Result<SessionInputValue<'static>, InferenceError> {
    let images = given.images;
    let (width, height) = (given.input.0 as usize, given.input.1 as usize);
    let empty = Prompt::default();
    let prompt = given.prompt.unwrap_or(&empty);
    let tokens = vec![prompt.rows * images, prompt.columns];
    match side.kind {
        SideInputKind::TargetSizes => {
            let size = [i64::from(given.input.0), i64::from(given.input.1)];
            tensor(vec![images, 2], size.repeat(images), element)
        }
        SideInputKind::PixelMask => tensor(vec![images, height, width], pixel_mask(given), element),
        SideInputKind::TokenIds => tensor(tokens, prompt.ids.repeat(images), element),
        SideInputKind::AttentionMask => tensor(tokens, prompt.attention.repeat(images), element),
        SideInputKind::TokenTypeIds => {
            let values = vec![0; prompt.rows * prompt.columns * images];
            tensor(tokens, values, element)
        }
    }
}

/// 1 where an image is, 0 where it is padded.
fn pixel_mask(given: &Given<'_>) -> Vec<i64> {
    let (width, height) = (given.input.0 as usize, given.input.1 as usize);
    let mut mask = vec![0; given.images * width * height];
    for (plane, letterbox) in mask.chunks_exact_mut(width * height).zip(given.letterboxes) {
        let (left, top) = letterbox.offset();
        let (across, down) = letterbox.scaled_size();
        let inside = left as usize..(left + across) as usize;
        for row in plane.chunks_exact_mut(width).skip(top as usize).take(down as usize) {
            row[inside.clone()].fill(1);
        }
    }
    // A mask without anything in it divides by zero in some graphs.
    for plane in mask.chunks_exact_mut(width * height).skip(given.letterboxes.len()) {
        plane.fill(1);
    }
    mask
}

fn tensor(
    shape: Vec<usize>,
    values: Vec<i64>,
    element: TensorElementType,
) -> Result<SessionInputValue<'static>, InferenceError> {
    Ok(match element {
        TensorElementType::Int32 => {
            let values: Vec<i32> =
                values.into_iter().map(|value| i32::try_from(value).unwrap_or(i32::MAX)).collect();
            Tensor::from_array((shape, values))?.into()
        }
        TensorElementType::Float32 => {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_array((shape, values))?.into()
        }
        TensorElementType::Bool => {
            let values: Vec<bool> = values.into_iter().map(|value| value != 0).collect();
            Tensor::from_array((shape, values))?.into()
        }
        _ => Tensor::from_array((shape, values))?.into(),
    })
}
