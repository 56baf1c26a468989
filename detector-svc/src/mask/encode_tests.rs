//! Encoded masks are those of `pycocotools`, and come back as they were.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::mask::Region;

/// The mask of an image of `width` pixels a row that has `pixels`, kept for `region`.
fn mask(width: u32, pixels: &[u8], region: Region) -> Mask {
    let height = u32::try_from(pixels.len()).unwrap() / width;
    let rows = region.y..region.y + region.height;
    let pixels: Vec<bool> = rows
        .flat_map(|y| (region.x..region.x + region.width).map(move |x| (x, y)))
        .map(|(x, y)| pixels[(y * width + x) as usize] > 0)
        .collect();
    Mask { width, height, region, pixels: pixels.into() }
}

fn whole(width: u32, pixels: &[u8]) -> Mask {
    let height = u32::try_from(pixels.len()).unwrap() / width;
    mask(width, pixels, Region { x: 0, y: 0, width, height })
}

/// Strings that `pycocotools.mask.encode` gives for these pixels.
#[test]
fn runs_are_those_of_pycocotools() {
    assert_eq!(whole(3, &[0, 0, 0, 0, 0, 0]).to_coco_rle(), "6");
    assert_eq!(whole(3, &[1, 1, 1, 1, 1, 1]).to_coco_rle(), "06");
    assert_eq!(whole(3, &[0, 1, 0, 0, 1, 1]).to_coco_rle(), "221O");
    assert_eq!(whole(2, &[1, 0, 0, 1]).to_coco_rle(), "0120");
    let mut long = vec![0; 5000];
    long[17..4000].fill(1);
    assert_eq!(whole(1, &long).to_coco_rle(), "a0_l3Xo0");
}

proptest! {
    #[test]
    fn a_mask_comes_back_from_its_encodings(
        width in 1u32..9, height in 1u32..9, seed in prop::collection::vec(any::<bool>(), 64), left in 0u32..9,
        top in 0u32..9,
    ) {
        let region = Region { x: left.min(width), y: top.min(height), width: 0, height: 0 };
        let region = Region { width: width - region.x, height: height - region.y, ..region };
        let pixels: Vec<u8> = (0..width * height)
            .map(|index| {
                let (x, y) = (index % width, index / width);
                let inside = x >= region.x && y >= region.y && seed[index as usize];
                if inside { INSIDE } else { 0 }
            })
            .collect();
        let mask = mask(width, &pixels, region);
        prop_assert_eq!(mask.to_bytes(), pixels.clone());
        let png = image::load_from_memory(&mask.to_png().unwrap()).unwrap().into_luma8();
        prop_assert_eq!(png.dimensions(), (width, height));
        prop_assert_eq!(png.into_raw(), pixels.clone());
        prop_assert_eq!(decoded(&mask.to_coco_rle(), width, height), pixels);
    }
}

/// Pixels by the lengths of runs, as `rleFrString` and `rleDecode` of `pycocotools` read them.
fn decoded(text: &str, width: u32, height: u32) -> Vec<u8> {
    let mut lengths: Vec<i64> = Vec::new();
    let (mut value, mut shift) = (0, 0);
    for character in text.bytes() {
        let group = i64::from(character) - 48;
        value |= (group & 0x1f) << shift;
        shift += 5;
        if group & 0x20 == 0 {
            let value = if group & 0x10 == 0 { value } else { value | -1 << shift };
            lengths.push(value + if lengths.len() > 2 { lengths[lengths.len() - 2] } else { 0 });
        }
        (value, shift) = if group & 0x20 == 0 { (0, 0) } else { (value, shift) };
    }
    let runs = lengths.into_iter().enumerate();
    let columns: Vec<u8> = runs
        .flat_map(|(run, length)| {
            vec![if run % 2 == 1 { INSIDE } else { 0 }; usize::try_from(length).unwrap()]
        })
        .collect();
    (0..width * height).map(|index| columns[(index % width * height + index / width) as usize]).collect()
}
