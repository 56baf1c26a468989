//! An image as something that embedded-graphics can draw on.

use std::convert::Infallible;

use embedded_graphics::{pixelcolor::Rgb888, prelude::*, primitives::Rectangle};

use crate::image::{CHANNELS, ColorOrder, Image};

/// Longest side that is drawn on, in pixels: coordinates far beyond it still fit into 32 bits.
const MAX_SIDE: u32 = u16::MAX as u32;

/// An image that is drawn on; what lies outside it is cut off.
pub(super) struct Canvas<'a> {
    image: &'a mut Image,
    order: ColorOrder,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(image: &'a mut Image, order: ColorOrder) -> Self {
        Self { image, order }
    }

    /// Length of the shorter side in pixels.
    pub(super) fn short_side(&self) -> u32 {
        self.image.width.min(self.image.height)
    }

    fn bytes(&self, color: Rgb888) -> [u8; CHANNELS] {
        match self.order {
            ColorOrder::Rgb => [color.r(), color.g(), color.b()],
            ColorOrder::Bgr => [color.b(), color.g(), color.r()],
        }
    }
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.image.width.min(MAX_SIDE), self.image.height.min(MAX_SIDE))
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            self.fill_solid(&Rectangle::new(point, Size::new_equal(1)), color)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        if area.is_zero_sized() {
            return Ok(());
        }
        let bytes = self.bytes(color);
        let row_length = self.image.width as usize * CHANNELS;
        // The intersection has no negative coordinates.
        let (left, top) = (area.top_left.x as usize * CHANNELS, area.top_left.y as usize);
        let length = area.size.width as usize * CHANNELS;
        let rows = self.image.pixels.chunks_exact_mut(row_length.max(1)).skip(top);
        for row in rows.take(area.size.height as usize) {
            for pixel in row[left..left + length].chunks_exact_mut(CHANNELS) {
                pixel.copy_from_slice(&bytes);
            }
        }
        Ok(())
    }
}

/// Draws on a canvas with every pixel as a square of so many pixels.
pub(super) struct Magnified<'a, 'b> {
    pub(super) canvas: &'a mut Canvas<'b>,
    /// Where on the canvas the first square lies.
    pub(super) origin: Point,
    /// Canvas pixels along a side of a square.
    pub(super) factor: u32,
}

impl Dimensions for Magnified<'_, '_> {
    fn bounding_box(&self) -> Rectangle {
        self.canvas.bounding_box()
    }
}

impl DrawTarget for Magnified<'_, '_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            let corner = self.origin + point * self.factor as i32;
            self.canvas.fill_solid(&Rectangle::new(corner, Size::new_equal(self.factor)), color)?;
        }
        Ok(())
    }
}
