//! DETR and its kin, and those that have masks for queries.

use detector_svc::{
    mask::{Mask, Region},
    model::ModelOptions,
};

use super::{EXACT, golden::Golden};

#[test]
fn rt_detr_v2() {
    Golden::read("rt_detr_v2").check("rt_detr", EXACT);
}

#[test]
fn d_fine() {
    Golden::read("d_fine").check("rt_detr", EXACT);
}

#[test]
fn deformable_detr() {
    Golden::read("deformable_detr").check("rt_detr", EXACT);
}

#[test]
fn detr() {
    Golden::read("detr").check("detr", EXACT);
}

#[test]
fn yolos() {
    Golden::read("yolos").check("detr", EXACT);
}

#[test]
fn rf_detr() {
    Golden::read("rf_detr").check("rf_detr", EXACT);
}

#[test]
fn rf_detr_seg() {
    Golden::read("rf_detr_seg").check("rf_detr", EXACT);
}

#[test]
fn rt_detr_deploy() {
    Golden::read("rt_detr_deploy").check("detr_deploy", EXACT);
}

#[test]
fn maskformer() {
    Golden::read("maskformer").check("mask_former", EXACT);
}

#[test]
fn mask2former() {
    Golden::read("mask2former").check("mask_former", EXACT);
}

/// `pycocotools` made the reference's strings.
#[test]
fn masks_are_encoded_as_in_the_reference() {
    for name in ["rf_detr_seg", "maskformer", "mask2former"] {
        for found in Golden::read(name).expected.detections {
            let expected = found.mask.unwrap();
            let [height, width] = expected.size;
            let columns = expected.pixels();
            let pixels = (0..width * height).map(|index| columns[index % width * height + index / width]);
            let (pixels, width, height) =
                (pixels.collect(), u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
            let mask = Mask { width, height, region: Region { x: 0, y: 0, width, height }, pixels };
            assert_eq!(mask.to_coco_rle(), expected.counts);
        }
    }
}

/// A mask kept for a part of the image is encoded as the whole image's.
#[test]
fn masks_that_are_found_are_encoded_as_of_the_whole_image() {
    let golden = Golden::read("rf_detr_seg");
    let mut loaded = golden.load(&ModelOptions::default());
    for found in golden.detect(&mut loaded, 1) {
        let mask = found.mask.unwrap();
        let bytes = mask.to_bytes();
        let region = Region { x: 0, y: 0, width: mask.width, height: mask.height };
        let whole = Mask { region, pixels: bytes.iter().map(|byte| *byte > 0).collect(), ..mask.clone() };
        assert_eq!((bytes.len(), whole.area()), (768 * 576, mask.area()));
        assert_eq!(mask.to_coco_rle(), whole.to_coco_rle());
    }
}
