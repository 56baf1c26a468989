//! What runs once there is a model: frames in, detections out.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;
use vision_metrics_client::Recorder;
use vision_service::readiness::Readiness;

use super::AppError;
use crate::{
    inference::LoadedModel,
    pipeline::{FrameResult, Pipeline, PipelineHandle},
    publish::{Publisher, Watchers},
    sampler,
    settings::Settings,
    source::{self, redis::RedisSource},
};

/// Results that wait to be published.
const RESULT_CAPACITY: usize = 64;
/// What runs once there is a model.
pub(super) struct Running {
    pipeline: Pipeline,
    feed: Option<JoinHandle<()>>,
    publisher: JoinHandle<()>,
    sampler: JoinHandle<()>,
}

impl Running {
    /// Starts the pipeline and what feeds and empties it; `token` ends the feeding.
    pub(super) fn start(
        loaded: LoadedModel,
        settings: &Settings,
        recorder: &Recorder,
        readiness: &Readiness,
        watchers: Watchers,
        token: &CancellationToken,
    ) -> Result<Self, AppError> {
        let model = Arc::new(loaded.model.clone());
        tracing::info!(model = %model, provider = %loaded.session.provider(), "model ready");
        let (results_tx, results) = mpsc::channel(RESULT_CAPACITY);
        let thresholds = settings.model.thresholds();
        let pipeline = Pipeline::start(loaded, &settings.pipeline(), thresholds, recorder, results_tx)
            .map_err(AppError::Thread)?;
        let handle = pipeline.handle();
        let sampler = tokio::spawn(sampler::sample(handle.clone(), recorder.clone(), token.clone()));
        let (publisher, feed) = if settings.redis.url.is_empty() {
            (tokio::spawn(discard(results)), None)
        } else {
            let connection = settings.redis.writer(&settings.redis.client()?)?;
            let publisher = Publisher::new(settings.publish.clone(), connection, model, watchers, recorder);
            let feed = feed(settings, handle, recorder, readiness, token)?;
            (tokio::spawn(publisher.run(results)), Some(feed))
        };
        Ok(Self { pipeline, feed, publisher, sampler })
    }

    /// The way into the pipeline.
    pub(super) fn handle(&self) -> PipelineHandle {
        self.pipeline.handle()
    }

    /// Finishes the frames in progress: first no more come in, then the pipeline empties, then the publisher.
    pub(super) async fn finish(self, patience: Duration) {
        let Self { pipeline, feed, publisher, sampler } = self;
        let finished = tokio::time::timeout(patience, async {
            if let Some(feed) = feed {
                feed.await?;
            }
            sampler.await?;
            tokio::task::spawn_blocking(|| pipeline.shut_down()).await?;
            publisher.await
        });
        match finished.await {
            Ok(Ok(())) => tracing::info!("pipeline has drained"),
            Ok(Err(error)) => tracing::error!(%error, "a task of the pipeline panicked"),
            Err(_) => tracing::warn!(?patience, "frames in progress are given up"),
        }
    }
}

fn feed(
    settings: &Settings,
    pipeline: PipelineHandle,
    recorder: &Recorder,
    readiness: &Readiness,
    token: &CancellationToken,
) -> Result<JoinHandle<()>, AppError> {
    let output = &settings.publish.objects_stream;
    let source = RedisSource::new(settings.redis.clone(), output, recorder, readiness.clone())?;
    Ok(tokio::spawn(source::feed(source, pipeline, recorder.clone(), token.clone())))
}

/// Without Redis no stream has frames, so no results come; the channel is read to its end all the same.
async fn discard(mut results: mpsc::Receiver<FrameResult>) {
    while results.recv().await.is_some() {}
}

/// Loads the settings' model, away from the threads that serve.
pub(super) async fn load(settings: &Settings) -> Result<LoadedModel, AppError> {
    let (source, labels) = (settings.model.source(), settings.model.labels.clone());
    let (runtime, max_batch) = (settings.runtime.clone(), settings.batch.max_size);
    let load = move || LoadedModel::load(&source, &labels, &runtime, max_batch);
    let loaded = tokio::task::spawn_blocking(load).await;
    let panicked =
        |error: JoinError| AppError::Ended { part: "loading the model", reason: error.to_string() };
    Ok(loaded.map_err(panicked)??)
}
