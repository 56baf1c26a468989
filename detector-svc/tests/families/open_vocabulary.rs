//! Models that are asked in words.

use detector_svc::{
    inference::{LoadedModel, ModelSource, RuntimeSettings},
    model::ModelOptions,
};

use crate::{EXACT, golden::Golden};

#[test]
fn owlv2() {
    Golden::read("owlv2").check("owlv2", EXACT);
}

#[test]
fn owlvit() {
    Golden::read("owlvit").check("owlvit", EXACT);
}

#[test]
fn grounding_dino() {
    Golden::read("grounding_dino").check("grounding_dino", EXACT);
}

#[test]
fn a_model_that_nobody_has_asked_looks_for_what_coco_has() {
    let loaded = Golden::read("owlv2").load(&ModelOptions::default());
    assert_eq!((loaded.model.labels().len(), loaded.model.labels().name(79)), (80, "toothbrush"));
}

#[test]
fn what_was_found_for_other_words_has_those() {
    let golden = Golden::read("owlv2");
    let labels = ["umbrella", "a photo of a person"].map(str::to_owned).to_vec();
    let mut loaded = golden.load(&ModelOptions { labels, max_batch: 2, ..ModelOptions::default() });
    let alone = golden.detect(&mut loaded, 1);
    assert!(alone.iter().any(|found| found.class_id == 1), "{alone:#?}");
    // The text is kept for each number of images.
    for images in [2, 1, 2] {
        let again = golden.detect(&mut loaded, images);
        assert_eq!(again.len(), alone.len());
        for (one, other) in again.iter().zip(&alone) {
            assert!((one.confidence - other.confidence).abs() < 1e-5, "{one:?}, {other:?}");
        }
    }
}

#[test]
fn a_model_without_a_tokenizer_says_what_to_put_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let load = |name: &str| {
        std::fs::copy(Golden::path(name), &path).unwrap();
        let options = ModelOptions { labels: vec!["car".to_owned()], ..ModelOptions::default() };
        LoadedModel::load(&ModelSource::File(path.clone()), &options, &RuntimeSettings::default())
    };
    let message = load("grounding_dino").unwrap_err().to_string();
    assert!(message.contains("`tokenizer.json`") && message.contains("folder of the ONNX file"), "{message}");
}
