//! Masks as sums of prototypes: `[batch, count, height, width]` over the input, each times a coefficient of the object.
//! From YOLACT (Bolya et al., 2019).

use std::ops::Range;

use super::{ImageOutputs, OutputError, Planes, Port, nms::Candidate};
use crate::{
    detection::BoundingBox,
    mask::{Logits, Mask, Region},
};

/// The output that prototypes are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prototypes {
    output: String,
    /// How many there are.
    pub(super) count: usize,
}

/// Cells along a side of the prototypes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    /// Those that the pixels of a region lie between.
    needed: Range<usize>,
    /// First and last that the image, and not only the padding, is in.
    image: (usize, usize),
}

impl Prototypes {
    /// The output as prototypes, when the graph tells how many.
    pub(super) fn of(port: &Port) -> Option<Self> {
        match *port.dimensions.as_slice() {
            [_, Some(count), _, _] => Some(Self { output: port.name.clone(), count }),
            _ => None,
        }
    }

    /// As [`Prototypes::mask`], of an object whose coefficients are the last values of its row in `output`, which has
    /// `columns`.
    ///
    /// # Errors
    /// As [`Prototypes::mask`]; or `output` is not there or has another shape.
    pub(super) fn mask_of_row(
        &self,
        image: &ImageOutputs<'_>,
        (output, columns): (&str, usize),
        candidate: &Candidate,
        region: Region,
    ) -> Result<Mask, OutputError> {
        let row = image.unchecked_matrix(output, Some(columns))?.row(candidate.row);
        let coefficients = row.len().checked_sub(self.count).and_then(|before| row.get(before..));
        self.mask(image, coefficients.unwrap_or_default(), candidate, region)
    }

    /// The mask within the candidate's box, which lies in `region` of the source image. The padding is no part of it, not
    /// even where pixels of the image lie between a cell of both: the outermost cell of the image counts instead.
    ///
    /// # Errors
    /// The output is not there or has another shape, or what comes of it is no number.
    pub(super) fn mask(
        &self,
        image: &ImageOutputs<'_>,
        coefficients: &[f32],
        candidate: &Candidate,
        region: Region,
    ) -> Result<Mask, OutputError> {
        let planes = image.planes(&self.output)?;
        let (width, height) = (planes.columns, planes.rows);
        if planes.count != coefficients.len() || width == 0 || height == 0 {
            return Err(OutputError::Shape {
                name: self.output.clone(),
                shape: vec![planes.count, height, width],
                expected: format!("{} prototypes of a height and a width", coefficients.len()),
            });
        }
        let region = beginning_in(&image.letterbox.to_source(candidate.corners), region);
        let (across, down) = spans(image, (width, height), region);
        let values = logits(&planes, coefficients, &across, &down);
        if values.iter().any(|value| value.is_nan()) {
            return Err(OutputError::NotANumber(self.output.clone()));
        }
        let logits = Logits { width, height, values: &values };
        Ok(Mask::from_logits(logits, image.letterbox, image.input, region))
    }
}

/// The pixels of `region` whose left top corner is in the box: which of those at its edges count for the reference.
fn beginning_in(bounds: &BoundingBox, region: Region) -> Region {
    let later = |first: u32, length: u32, edge: f32| {
        let start = (edge.ceil() as u32).clamp(first, first + length);
        (start, first + length - start)
    };
    let (x, width) = later(region.x, region.width, bounds.x_min);
    let (y, height) = later(region.y, region.height, bounds.y_min);
    Region { x, y, width, height }
}

/// The cells across and down that the mask of a region is made of.
fn spans(image: &ImageOutputs<'_>, (width, height): (usize, usize), region: Region) -> (Span, Span) {
    let (letterbox, input) = (image.letterbox, image.input);
    let last = |first: u32, length: u32| (first + length.max(1) - 1) as f32 + 0.5;
    let start = letterbox.to_input(region.x as f32 + 0.5, region.y as f32 + 0.5);
    let end = letterbox.to_input(last(region.x, region.width), last(region.y, region.height));
    let (offset, scaled) = (letterbox.offset(), letterbox.scaled_size());
    (
        Span::new(width, input.0, (start.0, end.0), (offset.0, scaled.0)),
        Span::new(height, input.1, (start.1, end.1), (offset.1, scaled.1)),
    )
}

/// The sums in the cells that are needed, in rows of all cells; others are 0, and rows after the last are missing.
fn logits(planes: &Planes<'_>, coefficients: &[f32], across: &Span, down: &Span) -> Vec<f32> {
    let width = planes.columns;
    let mut values = vec![0.0; down.needed.end * width];
    let (first, last) = (across.nearest(across.needed.start), across.nearest(across.needed.end - 1));
    for y in down.needed.clone() {
        let row = &mut values[y * width..][..width];
        for (index, coefficient) in coefficients.iter().enumerate() {
            let prototype = planes.plane(index).row(down.nearest(y));
            add(&mut row[first..=last], &prototype[first..=last], *coefficient);
        }
        for x in across.needed.clone() {
            row[x] = row[across.nearest(x)];
        }
    }
    values
}

/// Adds `values` times `factor`.
fn add(sum: &mut [f32], values: &[f32], factor: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value * factor;
    }
}

impl Span {
    /// Of `cells` cells over `input` pixels: for pixels from `start` to `end`, in an image of `scaled` pixels from `offset`
    /// on, all in input pixels.
    fn new(cells: usize, input: u32, (start, end): (f32, f32), (offset, scaled): (u32, u32)) -> Self {
        let last = cells - 1;
        let scale = cells as f32 / input as f32;
        let before = |position: f32| (position * scale - 0.5).clamp(0.0, last as f32) as usize;
        let first_of_image = (offset as f32 * scale).floor() as usize;
        let end_of_image = ((offset + scaled) as f32 * scale).ceil() as usize;
        let first_of_image = first_of_image.min(last);
        Self {
            needed: before(start)..(before(end) + 1).min(last) + 1,
            image: (first_of_image, end_of_image.saturating_sub(1).clamp(first_of_image, last)),
        }
    }

    /// The cell of the image that is nearest to a cell.
    fn nearest(&self, cell: usize) -> usize {
        cell.clamp(self.image.0, self.image.1)
    }
}

#[cfg(test)]
#[path = "prototypes_tests.rs"]
mod tests;
