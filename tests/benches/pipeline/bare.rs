//! The reference: the model alone, on a ready tensor.

use std::time::{Duration, Instant};

use anyhow::Result;
use detector_svc::{
    inference::{Inputs, LoadedModel, ModelSource, RuntimeSettings},
    model::ModelOptions,
    preprocess::Letterbox,
};

/// Images a second of a loop of `session.run` with `batch` images each.
pub(crate) async fn images_per_second(threads: usize, batch: usize, window: Duration) -> Result<f64> {
    tokio::task::spawn_blocking(move || run(threads, batch, window)).await?
}

fn run(threads: usize, batch: usize, window: Duration) -> Result<f64> {
    let settings = RuntimeSettings { threads, ..RuntimeSettings::default() };
    let options = ModelOptions { max_batch: batch, ..ModelOptions::default() };
    let LoadedModel { model, mut sessions } = LoadedModel::load(&ModelSource::BuiltIn, &options, &settings)?;
    let session = &mut sessions[0];
    let tensor = session.new_tensor();
    let size = model.input.size();
    let letterboxes = vec![Letterbox::new(model.input.resize, size, size); batch];
    let inputs = Inputs { tensor: &tensor, letterboxes: &letterboxes, vocabulary: &model.vocabulary };
    let (started, mut images) = (Instant::now(), 0);
    while started.elapsed() < window {
        session.run(&inputs)?;
        images += batch;
    }
    Ok(images as f64 / started.elapsed().as_secs_f64())
}
