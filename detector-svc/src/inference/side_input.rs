//! The values of a graph's inputs beside the image.

use std::ops::Range;

use ort::{
    session::SessionInputValue,
    value::{Tensor, TensorElementType},
};

use super::InferenceError;
use crate::{
    model::{Prompt, SideInput, SideInputKind},
    preprocess::Letterbox,
};

/// An input and the type of its elements.
pub(super) type TypedSideInput = (SideInput, TensorElementType);

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
        SideInputKind::PixelMask => {
            // Some exports have one mask of few cells for inputs of any size.
            let side =
                |axis: usize, open: usize| side.dimensions.get(axis).copied().flatten().unwrap_or(open);
            let (rows, columns) = (side(1, height), side(2, width));
            tensor(vec![images, rows, columns], pixel_mask(given, rows, columns), element)
        }
        SideInputKind::TokenIds => tensor(tokens, prompt.ids.repeat(images), element),
        SideInputKind::AttentionMask => tensor(tokens, prompt.attention.repeat(images), element),
        SideInputKind::TokenTypeIds => {
            let values = vec![0; prompt.rows * prompt.columns * images];
            tensor(tokens, values, element)
        }
    }
}

/// 1 where an image is, 0 where it is padded, in so many rows and columns over the input.
fn pixel_mask(given: &Given<'_>, rows: usize, columns: usize) -> Vec<i64> {
    let (size, (width, height)) = (rows * columns, given.input);
    let mut mask = vec![0; given.images * size];
    for (plane, letterbox) in mask.chunks_exact_mut(size.max(1)).zip(given.letterboxes) {
        let (left, top) = letterbox.offset();
        let (across, down) = letterbox.scaled_size();
        let (inside, lines) = (cells(left, across, width, columns), cells(top, down, height, rows));
        for row in plane.chunks_exact_mut(columns).skip(lines.start).take(lines.len()) {
            row[inside.clone()].fill(1);
        }
    }
    // A mask without anything in it divides by zero in some graphs.
    for plane in mask.chunks_exact_mut(size.max(1)).skip(given.letterboxes.len()) {
        plane.fill(1);
    }
    mask
}

/// Which of `count` cells along `pixels` have their centre in the `length` pixels from `start` on; at least one.
fn cells(start: u32, length: u32, pixels: u32, count: usize) -> Range<usize> {
    let edge = |pixel: u32| f64::from(pixel) * count as f64 / f64::from(pixels);
    let first = ((edge(start) - 0.5).ceil() as usize).min(count.saturating_sub(1));
    first..((edge(start + length) - 0.5).ceil() as usize).clamp((first + 1).min(count), count)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ResizeMode;

    #[test]
    fn a_pixel_mask_is_1_where_an_image_is_and_blank_images_fill_theirs() {
        let letterbox = Letterbox::new(ResizeMode::LetterboxCentre, (8, 4), (4, 4));
        let given = Given { images: 2, letterboxes: &[letterbox], input: (4, 4), prompt: None };
        let rows = [[0; 4], [1; 4], [1; 4], [0; 4], [1; 4], [1; 4], [1; 4], [1; 4]];
        assert_eq!(pixel_mask(&given, 4, 4), rows.concat());
    }

    #[test]
    fn a_coarse_pixel_mask_has_the_cells_whose_centre_is_in_the_image() {
        let letterbox = Letterbox::new(ResizeMode::LetterboxTopLeft, (16, 10), (16, 16));
        let given = Given { images: 1, letterboxes: &[letterbox], input: (16, 16), prompt: None };
        assert_eq!(pixel_mask(&given, 4, 2), [1, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(cells(0, 1, 640, 64), 0..1, "never nothing");
        assert_eq!(cells(3, 5, 640, 640), 3..8);
    }
}
