//! Models that the shipped one is not an example of. They need ONNX Runtime where `make` puts it.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Takes `pixels` [1, 3, 8, 8] and always finds the same two objects.
fn one_image(options: &ModelOptions) -> Result<LoadedModel, LoadError> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/one-image.onnx");
    LoadedModel::load(&ModelSource::File(path.into()), options, &RuntimeSettings::default())
}

#[test]
fn a_model_for_one_image_runs_in_batches_of_one() {
    let LoadedModel { model, mut session } = one_image(&ModelOptions::default()).unwrap();
    assert_eq!((model.input.name.as_str(), model.input.width, model.input.height), ("pixels", 8, 8));
    let outputs = session.run(&vec![0.5; model.input.len()], 1).unwrap();
    let scores = outputs.view().matrix("scores", 0, Some(2)).unwrap().data.to_vec();
    assert_eq!(scores, [0.9, 0.1, 0.1, 0.8]);
}

#[test]
fn a_model_for_one_image_in_larger_batches_is_refused_with_the_setting() {
    let options = ModelOptions { max_batch: 8, ..ModelOptions::default() };
    let message = one_image(&options).unwrap_err().to_string();
    assert!(message.contains("one-image") && message.contains("set batch.max_size = 1"), "{message}");
}

#[test]
fn a_family_that_the_model_is_not_of_is_refused() {
    let options = ModelOptions { family: "yolo".to_owned(), ..ModelOptions::default() };
    let message = one_image(&options).unwrap_err().to_string();
    assert!(message.contains("no family \"yolo\"") && message.contains("boxes_scores"), "{message}");
}
