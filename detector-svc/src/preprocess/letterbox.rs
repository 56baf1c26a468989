//! Fitting an image into a model's input, and boxes back into the image.

use serde::{Deserialize, Serialize};

use super::Edges;
use crate::detection::BoundingBox;

/// How an image is fitted into the model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMode {
    /// Keeps the aspect ratio, image at the top left, padding right and below.
    LetterboxTopLeft,
    /// Keeps the aspect ratio, image in the middle, padding on both sides.
    LetterboxCentre,
    /// Fills the input, aspect ratio lost.
    Stretch,
    /// As if the image were padded to a square on the right or below, and that square filled the input.
    SquarePad,
    /// As large as the lengths of its edges say and the input has room for, at the top left, padding right and below.
    Edges(Edges),
}

/// Where an image lies within the model's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    source: (u32, u32),
    scaled: (u32, u32),
    offset: (u32, u32),
    /// Source pixels of one pixel of the input, across and down.
    scale: (f32, f32),
}

impl Letterbox {
    /// Fits an image of `source` (width, height) pixels into an input of `input` pixels.
    #[must_use]
    pub fn new(mode: ResizeMode, source: (u32, u32), input: (u32, u32)) -> Self {
        let scaled = scaled(mode, source, input);
        let offset = match mode {
            ResizeMode::LetterboxCentre => ((input.0 - scaled.0) / 2, (input.1 - scaled.1) / 2),
            _ => (0, 0),
        };
        let ratio = |source: u32, scaled: u32| source as f32 / scaled as f32;
        let scale = match mode {
            ResizeMode::SquarePad => {
                let square = source.0.max(source.1);
                (ratio(square, input.0), ratio(square, input.1))
            }
            _ => (ratio(source.0, scaled.0), ratio(source.1, scaled.1)),
        };
        Self { source, scaled, offset, scale }
    }

    /// Width and height of the source image in pixels.
    #[must_use]
    pub fn source_size(&self) -> (u32, u32) {
        self.source
    }

    /// Width and height of the image within the input.
    #[must_use]
    pub fn scaled_size(&self) -> (u32, u32) {
        self.scaled
    }

    /// Left and top edge of the image within the input.
    #[must_use]
    pub fn offset(&self) -> (u32, u32) {
        self.offset
    }

    /// Whether the image goes in pixel for pixel.
    #[must_use]
    pub fn is_unscaled(&self) -> bool {
        self.source == self.scaled
    }

    /// Maps corners `[x_min, y_min, x_max, y_max]` in input pixels to a box in source pixels, cut at the image's edges.
    #[must_use]
    pub fn to_source(&self, corners: [f32; 4]) -> BoundingBox {
        let x = |value: f32| back(value, self.offset.0, self.scale.0, self.source.0);
        let y = |value: f32| back(value, self.offset.1, self.scale.1, self.source.1);
        BoundingBox { x_min: x(corners[0]), y_min: y(corners[1]), x_max: x(corners[2]), y_max: y(corners[3]) }
    }

    /// Where the point `(x, y)` of the source image lies in the input, both in pixels.
    #[must_use]
    pub fn to_input(&self, x: f32, y: f32) -> (f32, f32) {
        (x / self.scale.0 + self.offset.0 as f32, y / self.scale.1 + self.offset.1 as f32)
    }
}

/// Width and height of the image within the input.
fn scaled(mode: ResizeMode, source: (u32, u32), input: (u32, u32)) -> (u32, u32) {
    let fit = |side: u32, scale: f64, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    let ratio = |input: u32, source: u32| f64::from(input) / f64::from(source);
    let (across, down) = match mode {
        ResizeMode::Stretch => return input,
        ResizeMode::Edges(edges) => return within(edges.size(source), input),
        ResizeMode::SquarePad => {
            let square = source.0.max(source.1);
            (ratio(input.0, square), ratio(input.1, square))
        }
        ResizeMode::LetterboxTopLeft | ResizeMode::LetterboxCentre => {
            let scale = ratio(input.0, source.0).min(ratio(input.1, source.1));
            (scale, scale)
        }
    };
    (fit(source.0, across, input.0), fit(source.1, down, input.1))
}

/// The size, or the largest of its aspect ratio that the input has room for.
fn within(size: (u32, u32), input: (u32, u32)) -> (u32, u32) {
    if size.0 <= input.0 && size.1 <= input.1 {
        return size;
    }
    scaled(ResizeMode::LetterboxTopLeft, size, input)
}

fn back(value: f32, offset: u32, scale: f32, source: u32) -> f32 {
    ((value - offset as f32) * scale).clamp(0.0, source as f32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::preprocess::Rounding;

    #[test]
    fn the_sample_camera_fits_without_rounding() {
        let letterbox = Letterbox::new(ResizeMode::LetterboxTopLeft, (768, 576), (416, 416));
        assert_eq!((letterbox.scaled_size(), letterbox.offset()), ((416, 312), (0, 0)));
        let whole = letterbox.to_source([0.0, 0.0, 416.0, 312.0]);
        assert_eq!(whole, BoundingBox { x_min: 0.0, y_min: 0.0, x_max: 768.0, y_max: 576.0 });
    }

    #[test]
    fn an_image_is_as_large_as_its_edges_say_and_the_input_has_room_for() {
        let edges = Edges { shortest: 120, longest: 150, multiple: 1, rounding: Rounding::Down };
        let size = |source| Letterbox::new(ResizeMode::Edges(edges), source, (160, 128)).scaled_size();
        assert_eq!(size((768, 576)), (150, 112));
        assert_eq!(size((576, 768)), (96, 128));
    }

    proptest! {
        #[test]
        fn source_boxes_come_back_within_a_pixel_of_the_input(
            source in (1u32..4000, 1u32..4000), input in (32u32..1300, 32u32..1300), centre: bool,
            corner in (0.0f32..1.0, 0.0f32..1.0),
        ) {
            let mode = if centre { ResizeMode::LetterboxCentre } else { ResizeMode::LetterboxTopLeft };
            let letterbox = Letterbox::new(mode, source, input);
            let (scaled, offset) = (letterbox.scaled_size(), letterbox.offset());
            prop_assert!(scaled.0 + offset.0 <= input.0 && scaled.1 + offset.1 <= input.1);
            let (x, y) = (corner.0 * source.0 as f32, corner.1 * source.1 as f32);
            let into = |value: f32, offset: u32, scaled: u32, side: u32| {
                value * scaled as f32 / side as f32 + offset as f32
            };
            let there = [into(x, offset.0, scaled.0, source.0), into(y, offset.1, scaled.1, source.1)];
            let back = letterbox.to_source([there[0], there[1], there[0], there[1]]);
            prop_assert!((back.x_min - x).abs() <= 1e-3 * source.0 as f32 + 1e-2);
            prop_assert!((back.y_min - y).abs() <= 1e-3 * source.1 as f32 + 1e-2);
        }
    }
}
