//! Segmenters against their libraries: masks for boxes that both are given.

use std::{fs, path::Path};

use detector_svc::{
    detection::{BoundingBox, Detection},
    inference::{RuntimeSettings, Segmenter, load_segmenter},
    mask::{Mask, Region},
    segment::{SegmenterSettings, choose},
};
use serde::Deserialize;

use super::{
    EXACT,
    golden::{Golden, Rle, frame},
};

/// Masks of boxes that FastSAM's reference was given, beside what it detected.
#[derive(Deserialize)]
struct Prompted {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    #[serde(rename = "box")]
    corners: [f32; 4],
    /// Which of the reference's detections has the mask.
    detection: usize,
    mask: Rle,
}

fn prompts(golden: &Golden) -> Vec<Prompt> {
    let expected = fs::read(golden.folder().join("expected.json")).unwrap();
    serde_json::from_slice::<Prompted>(&expected).unwrap().prompts
}

fn bounds([x_min, y_min, x_max, y_max]: [f32; 4]) -> BoundingBox {
    BoundingBox { x_min, y_min, x_max, y_max }
}

/// The mask of the whole frame.
fn mask(rle: &Rle) -> Mask {
    let [rows, columns] = rle.size;
    let by_column = rle.pixels();
    let pixels = (0..rows * columns).map(|index| by_column[index % columns * rows + index / columns]);
    let (width, height) = (u32::try_from(columns).unwrap(), u32::try_from(rows).unwrap());
    Mask { width, height, region: Region { x: 0, y: 0, width, height }, pixels: pixels.collect() }
}

fn load(path: &Path) -> Box<dyn Segmenter> {
    let settings = SegmenterSettings { path: path.to_owned(), ..SegmenterSettings::default() };
    load_segmenter(&settings, &RuntimeSettings::default()).unwrap().unwrap()
}

/// Asserts that the masks of the boxes in the frame are the expected ones, however often that is asked.
fn check(segmenter: &mut dyn Segmenter, expected: &[([f32; 4], &Rle)]) {
    let boxes: Vec<BoundingBox> = expected.iter().map(|(corners, _)| bounds(*corners)).collect();
    assert!(boxes.len() >= 3);
    for asked in [&boxes[..], &boxes[..1], &boxes[..]] {
        segmenter.segment(&mut frame(true), asked).unwrap();
        let masks = segmenter.segment(&mut frame(false), asked).unwrap();
        assert_eq!(masks.len(), asked.len());
        for ((mask, bounding_box), (_, expected)) in masks.into_iter().zip(asked).zip(expected) {
            let bounding_box = *bounding_box;
            let found = Detection { class_id: 0, confidence: 1.0, bounding_box, track_id: None, mask };
            let overlap = expected.iou(&found);
            assert!(overlap >= EXACT.mask_iou, "the mask of {bounding_box:?} overlaps by {overlap}");
        }
    }
}

fn check_sam(name: &str) {
    let golden = Golden::read(name);
    let mut segmenter = load(golden.folder());
    assert_eq!(segmenter.name(), "sam2");
    let expected = golden.expected.detections.iter();
    let expected: Vec<_> = expected.map(|found| (found.corners, found.mask.as_ref().unwrap())).collect();
    check(&mut *segmenter, &expected);
}

#[test]
fn sam2() {
    check_sam("sam2");
}

#[test]
fn sam2_with_one_mask_a_box() {
    check_sam("sam2_single");
}

#[test]
fn of_the_objects_of_fastsam_each_box_has_that_which_the_reference_chose() {
    let golden = Golden::read("fastsam");
    let prompts = prompts(&golden);
    let objects = golden.expected.detections.iter();
    let masks: Vec<Mask> = objects.map(|object| mask(object.mask.as_ref().unwrap())).collect();
    let boxes: Vec<BoundingBox> = prompts.iter().map(|prompt| bounds(prompt.corners)).collect();
    let chosen: Vec<_> = prompts.iter().map(|prompt| Some(prompt.detection)).collect();
    assert_eq!(choose(&boxes, &masks), chosen);
}

#[test]
fn fastsam() {
    let golden = Golden::read("fastsam");
    let prompts = prompts(&golden);
    let mut segmenter = load(&golden.folder().join("model.onnx"));
    assert_eq!(segmenter.name(), "fastsam");
    let expected: Vec<_> = prompts.iter().map(|prompt| (prompt.corners, &prompt.mask)).collect();
    check(&mut *segmenter, &expected);
}
