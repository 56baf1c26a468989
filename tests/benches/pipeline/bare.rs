//! The reference: the model alone, on a ready tensor.

use std::time::{Duration, Instant};

use anyhow::Result;
use detector_svc::{
    inference::{LoadedModel, ModelSource, RuntimeSettings},
    model::ModelOptions,
};

/// Images a second of a loop of `session.run` with `batch` images each.
pub(crate) async fn images_per_second(threads: usize, batch: usize, window: Duration) -> Result<f64> {
    tokio::task::spawn_blocking(move || run(threads, batch, window)).await?
}

fn run(threads: usize, batch: usize, window: Duration) -> Result<f64> {
    let settings = RuntimeSettings { threads, ..RuntimeSettings::default() };
    let options = ModelOptions { max_batch: batch, ..ModelOptions::default() };
    let LoadedModel { model, mut session } = LoadedModel::load(&ModelSource::BuiltIn, &options, &settings)?;
    let tensor = vec![0.5; batch * model.input.len()];
    let (started, mut images) = (Instant::now(), 0);
    while started.elapsed() < window {
        session.run(&tensor, batch)?;
        images += batch;
    }
    Ok(images as f64 / started.elapsed().as_secs_f64())
}
