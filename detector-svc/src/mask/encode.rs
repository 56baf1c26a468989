//! Masks as others read them: of the size of the whole source image.

use std::iter;

use image::{ExtendedColorType, ImageEncoder as _, ImageError, codecs::png::PngEncoder};

use super::Mask;

/// Value of a pixel that is the object's.
const INSIDE: u8 = 255;

impl Mask {
    /// COCO's compressed run-length encoding: the lengths of the runs of pixels that are by turns not the object's and
    /// the object's, column after column (`rleEncode` and `rleToString` of `pycocotools`).
    #[must_use]
    pub fn to_coco_rle(&self) -> String {
        let lengths = self.runs();
        let mut text = String::new();
        for (index, length) in lengths.iter().enumerate() {
            // From the fourth on only the difference to the length two before is kept.
            let before = if index > 2 { lengths[index - 2] } else { 0 };
            push(&mut text, length - before);
        }
        text
    }

    /// A PNG file with one channel, 0 or 255.
    ///
    /// # Errors
    /// The image has no pixels or more than a PNG file can have.
    pub fn to_png(&self) -> Result<Vec<u8>, ImageError> {
        let mut file = Vec::new();
        let encoder = PngEncoder::new(&mut file);
        encoder.write_image(&self.to_bytes(), self.width, self.height, ExtendedColorType::L8)?;
        Ok(file)
    }

    /// A byte a pixel, row-major, 0 or 255.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut bytes = vec![0; width * height];
        let left = self.region.x as usize;
        let rows = bytes.chunks_exact_mut(width.max(1)).skip(self.region.y as usize);
        for (row, inside) in rows.zip(self.pixels.chunks_exact((self.region.width as usize).max(1))) {
            for (byte, inside) in row[left..].iter_mut().zip(inside) {
                *byte = if *inside { INSIDE } else { 0 };
            }
        }
        bytes
    }

    /// Lengths of the runs of pixels, column after column; the first is of pixels that are not the object's.
    fn runs(&self) -> Vec<i64> {
        let (region, across) = (self.region, self.region.width as usize);
        let rows = i64::from(self.height);
        let (above, columns) = (i64::from(region.y), i64::from(region.width));
        let below = rows - above - i64::from(region.height);
        let mut runs = Runs { lengths: vec![0], inside: false };
        runs.extend(false, i64::from(region.x) * rows);
        for column in 0..across {
            runs.extend(false, above);
            let pixels = self.pixels.iter().skip(column).step_by(across);
            pixels.for_each(|inside| runs.extend(*inside, 1));
            runs.extend(false, below);
        }
        runs.extend(false, (i64::from(self.width) - i64::from(region.x) - columns) * rows);
        runs.lengths
    }
}

/// Runs of pixels, the last of which may become longer.
struct Runs {
    lengths: Vec<i64>,
    /// Whether the last run is of the object's pixels.
    inside: bool,
}

impl Runs {
    fn extend(&mut self, inside: bool, length: i64) {
        match self.lengths.last_mut() {
            _ if length == 0 => {}
            Some(last) if self.inside == inside => *last += length,
            _ => {
                self.lengths.push(length);
                self.inside = inside;
            }
        }
    }
}

/// Adds a number in groups of five bits, the lowest first, each as a character; the sixth bit tells that more follow.
fn push(text: &mut String, number: i64) {
    let mut rest = number;
    let groups = iter::from_fn(|| {
        let group = (rest & 0x1f) as u8;
        rest >>= 5;
        Some((group, if group & 0x10 == 0 { rest != 0 } else { rest != -1 }))
    });
    for (group, more) in groups {
        text.push(char::from(48 + (group | u8::from(more) << 5)));
        if !more {
            break;
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
