//! Which of many masks is a box's.

use crate::{
    detection::BoundingBox,
    mask::{Mask, Region},
};

/// For each box the mask that overlaps it most, as FastSAM chooses: intersection over union of the box's pixels and the
/// mask's, over the whole image. Of equal ones the first, `None` where none overlaps; a mask may be several boxes'.
#[must_use]
pub fn choose(boxes: &[BoundingBox], masks: &[Mask]) -> Vec<Option<usize>> {
    let areas: Vec<usize> = masks.iter().map(Mask::area).collect();
    let best = |bounds: &BoundingBox| {
        let mut best = (None, 0.0);
        for (index, (mask, area)) in masks.iter().zip(&areas).enumerate() {
            let overlap = iou(bounds, mask, *area);
            if overlap > best.1 {
                best = (Some(index), overlap);
            }
        }
        best.0
    };
    boxes.iter().map(best).collect()
}

/// Overlap of the pixels that a box touches with those of a mask, of which there are `area`.
fn iou(bounds: &BoundingBox, mask: &Mask, area: usize) -> f64 {
    let region = Region::around(bounds, mask.width, mask.height);
    let both = inside(mask, region);
    let either = region.width as usize * region.height as usize + area - both;
    if both == 0 { 0.0 } else { both as f64 / either as f64 }
}

/// Pixels of a mask within a region.
fn inside(mask: &Mask, region: Region) -> usize {
    let kept = mask.region;
    let across = common(region.x, region.width, kept.x, kept.width);
    let down = common(region.y, region.height, kept.y, kept.height);
    let rows = mask.pixels.chunks_exact(kept.width.max(1) as usize);
    let rows = rows.skip(down.start).take(down.len());
    rows.map(|row| row[across.clone()].iter().filter(|pixel| **pixel).count()).sum()
}

/// What of a stretch of pixels lies within another, from the start of that one.
fn common(start: u32, length: u32, of: u32, within: u32) -> std::ops::Range<usize> {
    let place = |position: u32| position.saturating_sub(of).min(within) as usize;
    place(start)..place(start + length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIDE: u32 = 12;

    fn rectangle(x: u32, y: u32, width: u32, height: u32) -> Mask {
        let region = Region { x, y, width, height };
        let pixels = vec![true; (width * height) as usize].into();
        Mask { width: SIDE, height: SIDE, region, pixels }
    }

    fn bounds(x_min: f32, y_min: f32, x_max: f32, y_max: f32) -> BoundingBox {
        BoundingBox { x_min, y_min, x_max, y_max }
    }

    #[test]
    fn the_mask_that_overlaps_most_is_chosen_and_none_that_does_not() {
        let masks = [rectangle(0, 0, 12, 12), rectangle(1, 1, 4, 4), rectangle(6, 6, 2, 2)];
        let boxes = [bounds(1.0, 1.0, 5.0, 5.0), bounds(0.0, 0.0, 12.0, 11.0), bounds(6.0, 6.0, 8.0, 8.0)];
        assert_eq!(choose(&boxes, &masks), [Some(1), Some(0), Some(2)]);
        assert_eq!(choose(&[bounds(0.0, 0.0, 3.0, 3.0)], &masks[2..]), [None]);
        assert_eq!(choose(&[bounds(3.0, 3.0, 3.0, 3.0)], &[]), [None]);
    }

    proptest! {
        #[test]
        fn overlaps_are_those_of_sets_of_pixels(
            (x, y) in (0u32..8, 0u32..8), (width, height) in (0u32..5, 0u32..5), seed: [bool; 16],
            (left, top) in (0u32..8, 0u32..8), (across, down) in (0u32..8, 0u32..8),
        ) {
            let pixels: Vec<bool> = seed[..(width * height) as usize].to_vec();
            let region = Region { x, y, width, height };
            let mask = Mask { width: SIDE, height: SIDE, region, pixels: pixels.clone().into() };
            let (right, bottom) = ((left + across).min(SIDE), (top + down).min(SIDE));
            let (mut both, mut either) = (0_u32, 0_u32);
            for row in 0..SIDE {
                for column in 0..SIDE {
                    let kept = (x..x + width).contains(&column) && (y..y + height).contains(&row);
                    let of_mask = kept && pixels[((row - y) * width + column - x) as usize];
                    let of_box = (left..right).contains(&column) && (top..bottom).contains(&row);
                    both += u32::from(of_mask && of_box);
                    either += u32::from(of_mask || of_box);
                }
            }
            let expected = if both == 0 { 0.0 } else { f64::from(both) / f64::from(either) };
            let bounds = bounds(left as f32, top as f32, right as f32, bottom as f32);
            prop_assert!((iou(&bounds, &mask, mask.area()) - expected).abs() < 1e-9);
        }
    }
}
