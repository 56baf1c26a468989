//! Models that the shipped one is not an example of. They need ONNX Runtime where `make` puts it.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::ImageOutputs;

/// Takes `pixels` [1, 3, 8, 8] and always finds the same two objects.
fn one_image(options: &ModelOptions) -> Result<LoadedModel, LoadError> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/one-image.onnx");
    LoadedModel::load(&ModelSource::File(path.into()), options, &RuntimeSettings::default())
}

#[test]
fn a_model_for_one_image_runs_in_batches_of_one() {
    let LoadedModel { model, mut sessions } = one_image(&ModelOptions::default()).unwrap();
    assert_eq!((model.input.name.as_str(), model.input.width, model.input.height), ("pixels", 8, 8));
    let letterbox = Letterbox::new(model.input.resize, (8, 8), (8, 8));
    let tensor = sessions[0].new_tensor();
    let inputs = Inputs { tensor: &tensor, letterboxes: &[letterbox], vocabulary: &model.vocabulary };
    let outputs = sessions[0].run(&inputs).unwrap();
    let outputs = outputs.view();
    let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (8, 8) };
    assert_eq!(image.matrix("scores", Some(2)).unwrap().data, [0.9, 0.1, 0.1, 0.8]);
}

#[test]
fn a_model_for_one_image_is_never_given_more() {
    let options = ModelOptions { max_batch: 8, ..ModelOptions::default() };
    assert_eq!(one_image(&options).unwrap().model.batch.max, 1);
}

#[test]
fn a_family_that_the_model_is_not_of_is_refused() {
    let options = ModelOptions { family: "resnet".to_owned(), ..ModelOptions::default() };
    let message = one_image(&options).unwrap_err().to_string();
    assert!(message.contains("no family \"resnet\"") && message.contains("boxes_scores"), "{message}");
}
