//! What is written at a box: class, confidence, and which object it is.

use std::fmt::Write as _;

use embedded_graphics::{
    mono_font::{
        MonoFont, MonoTextStyle,
        iso_8859_1::{FONT_6X10, FONT_8X13_BOLD, FONT_10X20},
    },
    pixelcolor::Rgb888,
    prelude::*,
    primitives::Rectangle,
    text::{Baseline, renderer::TextRenderer as _},
};

use super::{
    canvas::{Canvas, Magnified},
    palette,
};
use crate::detection::Detection;

/// Most letters of a label that are written.
const MAX_LABEL: usize = 64;
/// Stands for a letter that cannot be written.
const REPLACEMENT: char = '?';
/// Shorter side in pixels of the images that the largest font is made for; a larger image has it magnified.
const LARGEST_FONT_SIDE: u32 = 1000;

/// The text of one caption; its memory serves one detection after the other.
#[derive(Debug, Default)]
pub(super) struct Caption {
    text: String,
}

impl Caption {
    /// Writes down what is to be said of a detection.
    pub(super) fn write(&mut self, detection: &Detection, label: &str) {
        self.text.clear();
        let letters = label.chars().take(MAX_LABEL);
        self.text.extend(letters.map(|letter| if letter.is_control() { REPLACEMENT } else { letter }));
        if !label.is_empty() {
            self.text.push(' ');
        }
        // Writing to a string does not fail.
        let _ = write!(self.text, "{:.2}", detection.confidence.clamp(0.0, 1.0));
        if let Some(track) = detection.track_id {
            let _ = write!(self.text, " #{}", track.0);
        }
    }

    /// Draws the text on a ground of `color`: on top of the box, or in it where there is no room above.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, outline: Rectangle, color: Rgb888) {
        let (font, factor) = font(canvas.short_side());
        let size = self.size(font, factor);
        let corner = place(outline.top_left, size, canvas.bounding_box().size);
        let Ok(()) = canvas.fill_solid(&Rectangle::new(corner, size), color);
        let origin = corner + Point::new_equal(margin(font, factor) as i32);
        let style = MonoTextStyle::new(font, palette::text_on(color));
        let mut target = Magnified { canvas, origin, factor };
        let Ok(_) = style.draw_string(&self.text, Point::zero(), Baseline::Top, &mut target);
    }

    /// Width and height in pixels, with a margin all round.
    fn size(&self, font: &MonoFont<'_>, factor: u32) -> Size {
        let letters = self.text.chars().count() as u32;
        let text = Size::new(letters * font.character_size.width, font.character_size.height);
        text * factor + Size::new_equal(2 * margin(font, factor))
    }
}

/// The font for an image, by its shorter side in pixels, and how many times to magnify it.
fn font(short_side: u32) -> (&'static MonoFont<'static>, u32) {
    match short_side {
        0..400 => (&FONT_6X10, 1),
        400..800 => (&FONT_8X13_BOLD, 1),
        _ => (&FONT_10X20, ((short_side + LARGEST_FONT_SIDE / 2) / LARGEST_FONT_SIDE).max(1)),
    }
}

/// Pixels between the text and the edge of its ground.
fn margin(font: &MonoFont<'_>, factor: u32) -> u32 {
    font.character_size.height * factor / 8
}

/// Where a ground of `size` lies: above the box's corner if it fits, shifted so that its beginning is in the image.
fn place(corner: Point, size: Size, image: Size) -> Point {
    let (width, height) = (size.width as i32, size.height as i32);
    let x = corner.x.min(image.width as i32 - width).max(0);
    let y = if corner.y >= height { corner.y - height } else { corner.y };
    Point::new(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{BoundingBox, TrackId};

    fn text(label: &str, confidence: f32, track: Option<u64>) -> String {
        let bounding_box = BoundingBox::default();
        let track_id = track.map(TrackId);
        let mut caption = Caption { text: "left from before".to_owned() };
        caption.write(&Detection { class_id: 0, confidence, bounding_box, track_id, mask: None }, label);
        caption.text
    }

    #[test]
    fn a_caption_tells_class_confidence_and_object() {
        assert_eq!(text("person", 0.8249, None), "person 0.82");
        assert_eq!(text("person", 0.8249, Some(17)), "person 0.82 #17");
        assert_eq!(text("", 1.0, None), "1.00");
        assert_eq!(text("a\nb\u{7f}", f32::MAX, None), "a?b? 1.00");
        assert_eq!(text(&"é".repeat(1000), 0.5, None).chars().count(), MAX_LABEL + 5);
    }

    #[test]
    fn a_caption_stays_in_the_image_wherever_the_box_is() {
        let (size, image) = (Size::new(60, 16), Size::new(200, 100));
        let at = |x, y| place(Point::new(x, y), size, image);
        assert_eq!(at(20, 50), Point::new(20, 34));
        assert_eq!(at(20, 5), Point::new(20, 5));
        assert_eq!(at(190, 50), Point::new(140, 34));
        assert_eq!(place(Point::new(5, 5), Size::new(300, 16), image), Point::new(0, 5));
    }
}
