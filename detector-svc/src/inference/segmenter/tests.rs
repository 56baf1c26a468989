//! What is said of a segmenter that cannot be used. They need ONNX Runtime where `make` puts it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::PathBuf};

use super::*;

fn load(path: PathBuf) -> Result<Option<Box<dyn Segmenter>>, LoadError> {
    let settings = SegmenterSettings { path, ..SegmenterSettings::default() };
    load_segmenter(&settings, &RuntimeSettings::default())
}

fn message(path: PathBuf) -> String {
    load(path).err().unwrap().to_string()
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/families")).join(name)
}

#[test]
fn without_a_path_there_is_none() {
    assert!(load(PathBuf::new()).unwrap().is_none());
}

#[test]
fn a_detector_without_masks_is_no_segmenter() {
    let detector = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nanodet-g-416.onnx"));
    let message = message(detector.clone());
    assert!(message.contains("boxes_scores") && message.contains(detector.to_str().unwrap()), "{message}");
}

#[test]
fn parts_that_do_not_fit_together_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str| golden("sam2").join(name);
    fs::copy(part("vision_encoder.onnx"), folder.path().join("vision_encoder.onnx")).unwrap();
    let decoder = folder.path().join("prompt_encoder_mask_decoder.onnx");
    fs::copy(part("vision_encoder.onnx"), &decoder).unwrap();
    let swapped = message(folder.path().to_owned());
    assert!(swapped.contains("`pixel_values`") && swapped.contains("neither prompts"), "{swapped}");
    fs::write(&decoder, "no graph").unwrap();
    let broken = message(folder.path().to_owned());
    assert!(broken.contains("prompt_encoder_mask_decoder"), "{broken}");
}

#[test]
fn an_image_is_segmented_whatever_its_size_and_an_empty_one_is_refused() {
    let mut sam = load(golden("sam2")).unwrap().unwrap();
    let bounds = BoundingBox { x_min: 1.0, y_min: 1.0, x_max: 30.0, y_max: 20.0 };
    for (width, height) in [(40, 24), (128, 128), (300, 500)] {
        let mut image = Image { width, height, pixels: vec![90; (width * height) as usize * CHANNELS] };
        let masks = sam.segment(&mut image, &[bounds; 2]).unwrap();
        assert_eq!(masks.len(), 2);
        let sizes = masks.iter().flatten().map(|mask| (mask.width, mask.height));
        assert!(sizes.into_iter().all(|size| size == (width, height)));
    }
    let refused = sam.segment(&mut Image::default(), &[bounds]).unwrap_err();
    assert_eq!(refused.kind(), "preprocess");
}
