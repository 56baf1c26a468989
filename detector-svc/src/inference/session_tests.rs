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

/// A model that is asked in words, in two parts and as a whole.
fn both(path: &std::path::Path) -> (Model, [Session; 2]) {
    let (source, settings) = (ModelSource::File(path.to_owned()), RuntimeSettings::default());
    let labels = vec!["a person".to_owned(), "car".to_owned(), "bag".to_owned()];
    let sidecars = source.sidecars().unwrap();
    let options = ModelOptions { labels, max_batch: 2, sidecars, ..ModelOptions::default() };
    let Opened { session, provider, text, graph } = open(&source, &settings).unwrap();
    assert!(text.is_some(), "{} is not split", path.display());
    let model = Model::recognise("parts", &graph, &options).unwrap();
    let (whole, _) = open_whole(&source, &settings).unwrap();
    let of_whole = Model::recognise("whole", &graph_info(&whole).unwrap(), &options).unwrap();
    assert_eq!(
        (&of_whole.family, &of_whole.input, of_whole.batch),
        (&model.family, &model.input, model.batch)
    );
    let sessions =
        [Session::new(session, provider, text, &model), Session::new(whole, provider, None, &of_whole)];
    (model, sessions)
}

/// Asserts that a model gives in two parts what it gives as a whole.
fn compare(path: &std::path::Path) {
    let (model, mut sessions) = both(path);
    let mut tensor = sessions[0].new_tensor();
    if let Tensor::F32(values) = &mut tensor {
        values
            .iter_mut()
            .enumerate()
            .for_each(|(index, value)| *value = ((index * 7919) % 1009) as f32 / 504.5 - 1.0);
    }
    let letterbox = Letterbox::new(model.input.resize, (768, 576), model.input.size());
    for letterboxes in [&[letterbox][..], &[letterbox; 2]] {
        let inputs = Inputs { tensor: &tensor, letterboxes, vocabulary: &model.vocabulary };
        let [parts, whole] = sessions.each_mut().map(|session| session.run(&inputs).unwrap());
        let (parts, whole) = (parts.view(), whole.view());
        for name in ["logits", "pred_boxes"] {
            let of = |outputs: &crate::model::Outputs<'_>| {
                let output = outputs.0.iter().find(|output| output.name == name).unwrap();
                (output.shape.clone(), output.data.to_vec())
            };
            let ((shape, parts), (expected_shape, whole)) = (of(&parts), of(&whole));
            assert_eq!((shape[0], &shape), (letterboxes.len(), &expected_shape));
            let near = |(a, b): (&f32, &f32)| a == b || (a - b).abs() < 1e-5 * b.abs().max(1.0);
            assert!(parts.iter().zip(&whole).all(near), "{name} of {}", path.display());
        }
    }
}

fn golden(family: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/families")).join(family)
}

#[test]
fn a_graph_in_two_parts_gives_what_it_gives_as_a_whole() {
    for family in ["owlv2", "owlvit", "grounding_dino"] {
        compare(&golden(family).join("model.onnx"));
    }
}

#[test]
fn a_graph_in_two_parts_may_have_its_weights_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "preprocessor_config.json", "tokenizer.json"] {
        std::fs::copy(golden("owlv2").join(name), folder.path().join(name)).unwrap();
    }
    let whole = std::fs::read(golden("owlv2").join("model.onnx")).unwrap();
    let (model, weights) = crate::inference::onnx::fixture::with_weights_beside(&whole);
    assert!(weights.len() > 100_000 && model.len() < whole.len() - 100_000);
    std::fs::write(folder.path().join("weights.bin"), weights).unwrap();
    std::fs::write(folder.path().join("model.onnx"), model).unwrap();
    compare(&folder.path().join("model.onnx"));
}
