//! The part of a detection's box that lies in the image, and the line round it.

use embedded_graphics::{
    pixelcolor::Rgb888,
    prelude::*,
    primitives::{PrimitiveStyleBuilder, Rectangle, StrokeAlignment, StyledDrawable as _},
};

use super::canvas::Canvas;
use crate::detection::BoundingBox;

/// Pixels of the image's shorter side for each pixel of the line's width.
const SIDE_FOR_EACH_PIXEL: u32 = 300;

/// A box in whole pixels, not empty and within the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline(Rectangle);

impl Outline {
    /// The pixels of an image of `size` that a box touches; `None` when there are none, or the box is no box.
    pub(super) fn within(size: Size, bounding_box: &BoundingBox) -> Option<Self> {
        let (left, right) = span(bounding_box.x_min, bounding_box.x_max, size.width)?;
        let (top, bottom) = span(bounding_box.y_min, bounding_box.y_max, size.height)?;
        let corner = Point::new(left as i32, top as i32);
        Some(Self(Rectangle::new(corner, Size::new(right - left, bottom - top))))
    }

    pub(super) fn area(&self) -> Rectangle {
        self.0
    }

    /// Draws the line, inside of the box so that all of it is in the image.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, color: Rgb888) {
        let style = PrimitiveStyleBuilder::new()
            .stroke_color(color)
            .stroke_width(line_width(canvas.short_side()))
            .stroke_alignment(StrokeAlignment::Inside)
            .build();
        let Ok(()) = self.0.draw_styled(&style, canvas);
    }
}

/// Width of lines in pixels, by the image's shorter side.
fn line_width(short_side: u32) -> u32 {
    ((short_side + SIDE_FOR_EACH_PIXEL / 2) / SIDE_FOR_EACH_PIXEL).max(1)
}

/// First pixel, and the one after the last, that an interval touches along a side of `length` pixels.
fn span(min: f32, max: f32, length: u32) -> Option<(u32, u32)> {
    // What is not a number compares with nothing, but is lost as soon as it is cut.
    let (first, end) = (min.max(0.0), max.min(length as f32));
    (min < max && first < end).then(|| (first.floor() as u32, end.ceil() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_takes_in_every_pixel_that_it_touches() {
        assert_eq!(span(2.0, 5.0, 10), Some((2, 5)));
        assert_eq!(span(2.9, 5.1, 10), Some((2, 6)));
        assert_eq!(span(3.2, 3.4, 10), Some((3, 4)));
        assert_eq!(span(-7.5, f32::INFINITY, 10), Some((0, 10)));
        assert_eq!(span(9.5, 20.0, 10), Some((9, 10)));
    }

    #[test]
    fn an_interval_outside_inverted_or_of_no_numbers_is_none() {
        for (min, max) in
            [(10.0, 12.0), (-3.0, 0.0), (5.0, 5.0), (6.0, 5.0), (f32::NAN, 5.0), (2.0, f32::NAN)]
        {
            assert_eq!(span(min, max, 10), None, "{min} to {max}");
        }
        assert_eq!(span(f32::INFINITY, f32::NEG_INFINITY, 10), None);
        assert_eq!(span(0.0, 1.0, 0), None);
    }

    #[test]
    fn lines_grow_with_the_image() {
        assert_eq!([10, 576, 1080, 2160].map(line_width), [1, 2, 4, 7]);
    }
}
