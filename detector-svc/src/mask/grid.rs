//! Masks that are made in the cells of a grid, not between them.

use super::{Between, Logits, Mask, Region};
use crate::preprocess::Letterbox;

impl Logits<'_> {
    /// The values in a grid of `width` by `height` cells over the same area: interpolated bilinearly, as PyTorch's
    /// `interpolate` does without `align_corners`.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Vec<f32> {
        let ratio = |from: usize, to: usize| from as f32 / to as f32;
        let place = |cell: usize, from: usize, to: usize| {
            Between::new((cell as f32 + 0.5) * ratio(from, to) - 0.5, from)
        };
        let columns: Vec<Between> = (0..width).map(|cell| place(cell, self.width, width)).collect();
        let mut line = Vec::with_capacity(self.width);
        let mut values = Vec::with_capacity(width * height);
        for cell in 0..height {
            let row = place(cell, self.height, height);
            line.clear();
            line.extend(
                self.row(row.low).iter().zip(self.row(row.high)).map(|(low, high)| row.mix(*low, *high)),
            );
            let at = |index: usize| line.get(index).copied().unwrap_or(f32::MIN);
            values.extend(columns.iter().map(|column| column.mix(at(column.low), at(column.high))));
        }
        values
    }

    /// The cells `[left, top, right, bottom]`, the last two exclusive, that all values above 0 are in; `None` without
    /// one.
    #[must_use]
    pub fn bounds(&self) -> Option<[usize; 4]> {
        let mut bounds: Option<[usize; 4]> = None;
        for (y, row) in self.values.chunks_exact(self.width.max(1)).enumerate() {
            let Some(first) = row.iter().position(|value| *value > 0.0) else {
                continue;
            };
            let last = row.iter().rposition(|value| *value > 0.0).unwrap_or(first);
            let [left, top, right, _] = bounds.unwrap_or([first, y, last + 1, y]);
            bounds = Some([left.min(first), top, right.max(last + 1), y + 1]);
        }
        bounds
    }

    fn row(&self, index: usize) -> &[f32] {
        self.values.get(index * self.width..(index + 1) * self.width).unwrap_or_default()
    }
}

impl Mask {
    /// The mask that a model's `logits` over its input of `input` (width, height) pixels give for the part `region` of
    /// the image: each source pixel is as the cell that its corner is in, as PyTorch's `interpolate` has the nearest.
    #[must_use]
    pub fn from_cells(logits: Logits<'_>, letterbox: &Letterbox, input: (u32, u32), region: Region) -> Self {
        let (width, height) = letterbox.source_size();
        let (across, down) = (logits.width as f32 / input.0 as f32, logits.height as f32 / input.1 as f32);
        let cell = |position: f32, count: usize| (position as usize).min(count.saturating_sub(1));
        let columns: Vec<usize> = (region.x..region.x + region.width)
            .map(|x| cell(letterbox.to_input(x as f32, 0.0).0 * across, logits.width))
            .collect();
        let mut pixels = Vec::with_capacity(columns.len() * region.height as usize);
        for y in region.y..region.y + region.height {
            let row = logits.row(cell(letterbox.to_input(0.0, y as f32).1 * down, logits.height));
            pixels.extend(columns.iter().map(|column| row.get(*column).is_some_and(|value| *value > 0.0)));
        }
        Self { width, height, region, pixels: pixels.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ResizeMode;

    #[test]
    fn a_grid_gets_finer_as_in_pytorch() {
        // torch.nn.functional.interpolate(torch.tensor([[[[0., 4.], [8., 12.]]]]), size=(2, 4), mode="bilinear")
        let logits = Logits { width: 2, height: 2, values: &[0.0, 4.0, 8.0, 12.0] };
        assert_eq!(logits.resized(4, 2), [0.0, 1.0, 3.0, 4.0, 8.0, 9.0, 11.0, 12.0]);
        assert_eq!(logits.resized(1, 1), [6.0]);
    }

    #[test]
    fn bounds_hold_every_cell_above_0() {
        let mut values = [-1.0; 12];
        let of = |values: &[f32]| Logits { width: 4, height: 3, values }.bounds();
        assert_eq!(of(&values), None);
        values[5] = 1.0;
        assert_eq!(of(&values), Some([1, 1, 2, 2]));
        values[8] = 1.0;
        values[11] = f32::NAN;
        assert_eq!(of(&values), Some([0, 1, 2, 3]));
    }

    #[test]
    fn a_pixel_is_as_the_cell_that_it_is_in() {
        let letterbox = Letterbox::new(ResizeMode::Stretch, (5, 1), (8, 2));
        let logits = Logits { width: 2, height: 1, values: &[1.0, -1.0] };
        let mask = Mask::from_cells(logits, &letterbox, (8, 2), Region { x: 1, y: 0, width: 4, height: 1 });
        assert_eq!(mask.pixels[..], [true, true, false, false]);
    }
}
