//! Which pixels of an image are an object's.

mod encode;
mod grid;

use std::sync::Arc;

use crate::{detection::BoundingBox, preprocess::Letterbox};

/// A part of an image in whole pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Which pixels of a source image are an object's. Kept for the part of the image that the object is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Pixels a row of the source image.
    pub width: u32,
    /// Rows of the source image.
    pub height: u32,
    /// The part of it that is kept; outside no pixel is the object's.
    pub region: Region,
    /// A value a pixel of the region, row-major: whether it is the object's.
    pub pixels: Arc<[bool]>,
}

/// Values over the model's input in a grid that may be coarser than it, row-major; above 0 where the object is.
#[derive(Clone, Copy, Debug)]
pub struct Logits<'a> {
    /// Values a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub values: &'a [f32],
}

impl Region {
    /// The whole pixels that a box touches, within an image of `width` by `height` pixels.
    #[must_use]
    pub fn around(bounds: &BoundingBox, width: u32, height: u32) -> Self {
        let range = |min: f32, max: f32, side: u32| {
            let low = (min.floor().max(0.0) as u32).min(side);
            (low, (max.ceil().max(0.0) as u32).clamp(low, side) - low)
        };
        let (x, across) = range(bounds.x_min, bounds.x_max, width);
        let (y, down) = range(bounds.y_min, bounds.y_max, height);
        Self { x, y, width: across, height: down }
    }
}

impl Mask {
    /// The mask that a model's `logits` over its input of `input` (width, height) pixels give for the part `region` of
    /// the image: interpolated bilinearly at the centre of each source pixel, as PyTorch's `interpolate` does without
    /// `align_corners`, and above 0 there.
    #[must_use]
    pub fn from_logits(logits: Logits<'_>, letterbox: &Letterbox, input: (u32, u32), region: Region) -> Self {
        let (width, height) = letterbox.source_size();
        let (across, down) = (logits.width as f32 / input.0 as f32, logits.height as f32 / input.1 as f32);
        let columns: Vec<Between> = (region.x..region.x + region.width)
            .map(|x| Between::new(letterbox.to_input(x as f32 + 0.5, 0.0).0 * across - 0.5, logits.width))
            .collect();
        let mut pixels = Vec::with_capacity(columns.len() * region.height as usize);
        for y in region.y..region.y + region.height {
            let row = Between::new(letterbox.to_input(0.0, y as f32 + 0.5).1 * down - 0.5, logits.height);
            let line = |index: usize| logits.values.get(index * logits.width..).unwrap_or_default();
            let (upper, lower) = (line(row.low), line(row.high));
            pixels.extend(columns.iter().map(|column| {
                let at = |line: &[f32], index: usize| line.get(index).copied().unwrap_or(f32::MIN);
                let left = row.mix(at(upper, column.low), at(lower, column.low));
                let right = row.mix(at(upper, column.high), at(lower, column.high));
                column.mix(left, right) > 0.0
            }));
        }
        Self { width, height, region, pixels: pixels.into() }
    }

    /// How many pixels are the object's.
    #[must_use]
    pub fn area(&self) -> usize {
        self.pixels.iter().filter(|inside| **inside).count()
    }
}

/// A place between two neighbours of a line.
#[derive(Clone, Copy, Debug)]
struct Between {
    low: usize,
    high: usize,
    /// Share of the higher one, 0..=1.
    share: f32,
}

impl Between {
    /// The place `position` in a line of `len`; beyond its ends the last ones count.
    fn new(position: f32, len: usize) -> Self {
        let position = position.clamp(0.0, len.saturating_sub(1) as f32);
        let low = position as usize;
        Self { low, high: (low + 1).min(len.saturating_sub(1)), share: position - low as f32 }
    }

    fn mix(self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ResizeMode;

    #[test]
    fn a_region_has_every_pixel_that_its_box_touches_and_none_outside_the_image() {
        let bounds = BoundingBox { x_min: 1.2, y_min: -3.0, x_max: 3.1, y_max: 99.0 };
        assert_eq!(Region::around(&bounds, 8, 4), Region { x: 1, y: 0, width: 3, height: 4 });
        let outside = BoundingBox { x_min: 9.0, y_min: 5.0, x_max: 12.0, y_max: 7.0 };
        assert_eq!(Region::around(&outside, 8, 4), Region { x: 8, y: 4, width: 0, height: 0 });
    }

    #[test]
    fn logits_are_interpolated_between_their_centres() {
        let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 2), (8, 2));
        let logits = Logits { width: 2, height: 1, values: &[1.0, -1.0] };
        let region = Region { x: 0, y: 0, width: 8, height: 2 };
        let mask = Mask::from_logits(logits, &letterbox, (8, 2), region);
        let line = [true, true, true, true, false, false, false, false];
        assert_eq!(mask.pixels[..], [line, line].concat());
        assert_eq!(mask.area(), 8);
    }

    #[test]
    fn the_padding_of_a_letterbox_is_no_part_of_the_image() {
        let letterbox = Letterbox::new(ResizeMode::LetterboxCentre, (8, 4), (4, 4));
        let rows = [-1.0, -1.0, 1.0, -1.0].map(|row| [row; 4]).concat();
        let logits = Logits { width: 4, height: 4, values: &rows };
        let region = Region { x: 0, y: 0, width: 8, height: 4 };
        let mask = Mask::from_logits(logits, &letterbox, (4, 4), region);
        let inside: Vec<bool> = mask.pixels.chunks(8).map(|row| row[3]).collect();
        assert_eq!(inside, [false, false, true, true]);
    }
}
