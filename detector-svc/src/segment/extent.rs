//! The part of an image that a mask can be in.

use crate::{
    mask::{Logits, Region},
    preprocess::Letterbox,
};

/// The part of the source image outside which no pixel is above 0, however far from its box; `None` when none is
/// anywhere. Interpolated logits are above 0 only between neighbours of which one is, so the coarse grid tells it, and
/// no pixel of the image outside has to be looked at.
///
/// The logits are over an input of `input` (width, height) pixels, which the image lies in as `letterbox` tells.
pub(super) fn extent(logits: Logits<'_>, letterbox: &Letterbox, input: (u32, u32)) -> Option<Region> {
    let (mut columns, mut rows) = (Span::default(), Span::default());
    for (y, row) in logits.values.chunks_exact(logits.width.max(1)).enumerate() {
        if let Some(first) = row.iter().position(|value| *value > 0.0) {
            let last = row.iter().rposition(|value| *value > 0.0).unwrap_or(first);
            columns.add(first);
            columns.add(last);
            rows.add(y);
        }
    }
    let (left, right) = columns.reach(logits.width, input.0)?;
    let (top, bottom) = rows.reach(logits.height, input.1)?;
    let (width, height) = letterbox.source_size();
    let region = Region::around(&letterbox.to_source([left, top, right, bottom]), width, height);
    (region.width > 0 && region.height > 0).then_some(region)
}

/// First and last cell of a line that are above 0.
#[derive(Clone, Copy, Debug, Default)]
struct Span(Option<(usize, usize)>);

impl Span {
    fn add(&mut self, cell: usize) {
        let (first, last) = self.0.unwrap_or((cell, cell));
        self.0 = Some((first.min(cell), last.max(cell)));
    }

    /// From where to where, in input pixels, these cells have a say: to the centres of their neighbours, and at the
    /// ends of the line beyond.
    fn reach(self, cells: usize, side: u32) -> Option<(f32, f32)> {
        let (first, last) = self.0?;
        let pixels = side as f32 / cells as f32;
        Some(((first as f32 - 0.5) * pixels, (last as f32 + 1.5) * pixels))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{mask::Mask, preprocess::ResizeMode};

    fn mode() -> impl Strategy<Value = ResizeMode> {
        prop_oneof![
            Just(ResizeMode::Stretch),
            Just(ResizeMode::LetterboxTopLeft),
            Just(ResizeMode::LetterboxCentre)
        ]
    }

    proptest! {
        #[test]
        fn nothing_of_a_mask_is_outside(
            mode in mode(), source in (1u32..60, 1u32..60), cells in (1usize..9, 1usize..9), side in 1u32..5,
            values in prop::collection::vec(prop_oneof![4 => Just(-1.0_f32), 1 => -2.0f32..2.0], 64),
        ) {
            let input = (cells.0 as u32 * side, cells.1 as u32 * side);
            let letterbox = Letterbox::new(mode, source, input);
            let values = &values[..cells.0 * cells.1];
            let logits = Logits { width: cells.0, height: cells.1, values };
            let whole = Region { x: 0, y: 0, width: source.0, height: source.1 };
            let expected = Mask::from_logits(logits, &letterbox, input, whole);
            let found = extent(logits, &letterbox, input);
            let area = found.map_or(0, |region| Mask::from_logits(logits, &letterbox, input, region).area());
            prop_assert_eq!(area, expected.area());
        }
    }

    #[test]
    fn a_mask_of_a_few_cells_is_in_a_small_part() {
        let letterbox = Letterbox::new(ResizeMode::Stretch, (1600, 800), (160, 160));
        let mut values = vec![-1.0; 16 * 16];
        values[3 * 16 + 2] = 1.0;
        let logits = Logits { width: 16, height: 16, values: &values };
        let region = extent(logits, &letterbox, (160, 160));
        assert_eq!(region, Some(Region { x: 150, y: 125, width: 200, height: 100 }));
    }

    #[test]
    fn a_mask_of_nothing_is_nowhere() {
        let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (4, 4));
        let of = |values| extent(Logits { width: 2, height: 1, values }, &letterbox, (4, 4));
        assert_eq!((of(&[-1.0, 0.0]), of(&[f32::NAN, -0.5])), (None, None));
        assert_eq!(extent(Logits { width: 0, height: 0, values: &[] }, &letterbox, (4, 4)), None);
    }
}
