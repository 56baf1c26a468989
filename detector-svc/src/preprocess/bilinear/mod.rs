//! Resizing between the four nearest pixels, to the bit as OpenCV's `INTER_LINEAR` does with bytes: shares in parts of 2048,
//! and one rounding at the end. Two roundings, as of a resizer that turns rows and then columns into bytes, make images
//! a third of a grey level brighter, and models notice.

mod sums;

use self::sums::{Column, sums};
use crate::image::{CHANNELS, Image};

/// What shares are counted in.
const WHOLE: f32 = 2048.0;

/// Resizes images one after another in the same memory.
#[derive(Debug, Default)]
pub(super) struct Bilinear {
    columns: Vec<Column>,
    /// Two source rows at the target's width, in sixteenths of `WHOLE` grey levels.
    lines: [Line; 2],
}

/// Where a row or column of the target lies in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    /// The row or column before it; -1 before the first.
    before: i64,
    /// Shares of that and of the next.
    shares: [i16; 2],
}

/// A source row at the target's width.
#[derive(Debug, Default)]
struct Line {
    /// Which row.
    row: Option<usize>,
    values: Vec<i16>,
}

impl Bilinear {
    /// Writes an image that is not empty, at `width` by `height` pixels, into `pixels`, in place of what is there.
    pub(super) fn resize(&mut self, image: &Image, (width, height): (u32, u32), pixels: &mut Vec<u8>) {
        let row_length = width as usize * CHANNELS;
        pixels.resize(row_length * height as usize, 0);
        self.columns.clear();
        self.columns.extend((0..width).map(|x| Place::new(x, image.width, width).column(image.width)));
        for line in &mut self.lines {
            line.row = None;
            // Room for one more, which the sums of the last column need.
            line.values.resize(row_length + 1, 0);
        }
        for (y, target) in (0..height).zip(pixels.chunks_exact_mut(row_length.max(1))) {
            let place = Place::new(y, image.height, height);
            let row = |index: i64| index.clamp(0, i64::from(image.height) - 1) as usize;
            let rows = [row(place.before), row(place.before + 1)];
            if self.lines[1].row == Some(rows[0]) {
                self.lines.swap(0, 1);
            }
            for (line, row) in self.lines.iter_mut().zip(rows) {
                line.hold(image, row, &self.columns);
            }
            mix(&self.lines[0].values, &self.lines[1].values, place.shares, target);
        }
    }
}

impl Place {
    /// Where the row or column `index` of `target` lies in `source` of them.
    fn new(index: u32, source: u32, target: u32) -> Self {
        let scale = 1.0 / (f64::from(target) / f64::from(source));
        let position = ((f64::from(index) + 0.5) * scale - 0.5) as f32;
        let before = position.floor();
        let share = position - before;
        let part = |share: f32| (share * WHOLE).round_ties_even() as i16;
        Self { before: before as i64, shares: [part(1.0 - share), part(share)] }
    }

    /// The two columns of `source` that it lies between; beyond the ends the last ones count.
    fn column(self, source: u32) -> Column {
        let last = i64::from(source) - 2;
        let (before, shares) = if self.before < 0 {
            (0, [WHOLE as i16, 0])
        } else if self.before > last {
            (last.max(0), [0, WHOLE as i16])
        } else {
            (self.before, self.shares)
        };
        Column { start: before as u32 * CHANNELS as u32, shares }
    }
}

impl Line {
    /// Makes it the row of the image, unless it is that already.
    fn hold(&mut self, image: &Image, row: usize, columns: &[Column]) {
        if self.row == Some(row) {
            return;
        }
        self.row = Some(row);
        let length = image.width as usize * CHANNELS;
        sums(&image.pixels[row * length..][..length], columns, &mut self.values);
    }
}

/// Bytes between two lines.
fn mix(upper: &[i16], lower: &[i16], [above, below]: [i16; 2], target: &mut [u8]) {
    let part = |value: i16, share: i16| (i32::from(value) * i32::from(share)) >> 16;
    for ((byte, upper), lower) in target.iter_mut().zip(upper).zip(lower) {
        let value = (part(*upper, above) as i16 + part(*lower, below) as i16 + 2) >> 2;
        *byte = value.clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests;
