//! What runs once there is a model: frames in, detections out.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;

use super::{AppError, Parts};
use crate::{
    inference::LoadedModel,
    ledger::Ledger,
    model::{Model, ModelOptions},
    pipeline::{FrameResult, Pipeline, PipelineHandle},
    publish::Publisher,
    redis_client::{RedisClient, RedisSettings},
    sampler,
    settings::Settings,
    source::{self, redis::RedisSource},
};

/// What runs once there is a model.
pub(super) struct Running {
    pipeline: Pipeline,
    /// One for each group of streams that can be read together.
    feeds: Vec<JoinHandle<()>>,
    publisher: JoinHandle<()>,
    sampler: JoinHandle<()>,
}

impl Running {
    /// Starts the pipeline and what feeds and empties it; `token` ends the feeding.
    pub(super) fn start(
        parts: &Parts,
        loaded: LoadedModel,
        ledger: Ledger,
        token: &CancellationToken,
    ) -> Result<Self, AppError> {
        let Parts { settings, recorder, .. } = parts;
        let model = Arc::new(loaded.model.clone());
        tracing::info!(model = %model, provider = %loaded.session.provider(), "model ready");
        let (results_tx, results) = mpsc::channel(settings.publish.queue_capacity);
        let thresholds = settings.model.thresholds();
        let pipeline =
            Pipeline::start(loaded, &settings.pipeline(), thresholds, ledger, recorder, results_tx)
                .map_err(AppError::Thread)?;
        let sampler = sampler::sample(pipeline.handle(), recorder.clone(), token.clone());
        let sampler = watched(&pipeline, sampler);
        let (publisher, feeds) = if settings.redis.url.is_empty() {
            (watched(&pipeline, discard(results)), Vec::new())
        } else {
            let client = settings.redis.client()?;
            let connected = Arc::new(Notify::new());
            let publisher = publisher(parts, &client, model, Arc::clone(&connected));
            let sources = sources(parts, &client, &connected).into_iter();
            let feed = |source| source::feed(source, pipeline.handle(), recorder.clone(), token.clone());
            let feeds = sources.map(|source| watched(&pipeline, feed(source))).collect();
            (watched(&pipeline, publisher.run(results)), feeds)
        };
        Ok(Self { pipeline, feeds, publisher, sampler })
    }

    /// The way into the pipeline.
    pub(super) fn handle(&self) -> PipelineHandle {
        self.pipeline.handle()
    }

    /// Resolves when a part has panicked: nothing works any more.
    pub(super) async fn broken(&self) {
        self.pipeline.broken().await;
    }

    /// Finishes the frames in progress: first no more come in, then the pipeline empties, then the publisher.
    pub(super) async fn finish(self, patience: Duration) {
        let Self { pipeline, feeds, publisher, sampler } = self;
        let abandon = publisher.abort_handle();
        let finished = tokio::time::timeout(patience, async {
            for feed in feeds {
                feed.await?;
            }
            tokio::task::spawn_blocking(|| pipeline.shut_down()).await?;
            publisher.await?;
            sampler.await
        });
        match finished.await {
            Ok(Ok(())) => tracing::info!("pipeline has drained"),
            Ok(Err(error)) => tracing::error!(%error, "a task of the pipeline panicked"),
            Err(_) => {
                tracing::warn!(?patience, "frames in progress are given up");
                // Its results, and those that come yet, get their verdict when nobody takes them any more.
                abandon.abort();
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Runs a task whose panic breaks the pipeline.
fn watched(pipeline: &Pipeline, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let guard = pipeline.panic_guard();
    tokio::spawn(async move {
        let _guard = guard;
        task.await;
    })
}

fn publisher(parts: &Parts, client: &RedisClient, model: Arc<Model>, connected: Arc<Notify>) -> Publisher {
    let Parts { settings, recorder, watchers, .. } = parts;
    Publisher::new(settings.publish.clone(), client.writer(), connected, model, watchers.clone(), recorder)
}

/// A source for each group of streams that can be read together.
fn sources(parts: &Parts, client: &RedisClient, connected: &Arc<Notify>) -> Vec<RedisSource> {
    let Parts { settings, recorder, readiness, .. } = parts;
    let output = &settings.publish.objects_stream;
    let groups = client.groups(&settings.redis.streams);
    let readiness = readiness.parts(source::redis::READY_CONDITION, groups.len());
    let sources = groups.into_iter().zip(readiness).map(|(streams, readiness)| {
        let settings = RedisSettings { streams, ..settings.redis.clone() };
        RedisSource::new(client.clone(), settings, output, recorder, readiness, Arc::clone(connected))
    });
    sources.collect()
}

/// Without Redis no stream has frames, so no results come; the channel is read to its end all the same.
async fn discard(mut results: mpsc::Receiver<FrameResult>) {
    while results.recv().await.is_some() {}
}

/// Loads the settings' model, away from the threads that serve.
pub(super) async fn load(settings: &Settings) -> Result<LoadedModel, AppError> {
    let (source, runtime) = (settings.model.source(), settings.runtime.clone());
    let options = ModelOptions {
        family: settings.model.family.clone(),
        labels: settings.model.labels.clone(),
        max_batch: settings.batch.max_size,
    };
    let load = move || LoadedModel::load(&source, &options, &runtime);
    let loaded = tokio::task::spawn_blocking(load).await;
    let panicked =
        |error: JoinError| AppError::Ended { part: "loading the model", reason: error.to_string() };
    Ok(loaded.map_err(panicked)??)
}
