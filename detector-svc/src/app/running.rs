//! What runs once there is a model: frames in, detections out.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    signal::unix::Signal,
    sync::{Notify, mpsc},
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;

use super::{AppError, Parts, reload::Reload, streams::Streams};
use crate::{
    inference::{Fingerprint, LoadError, LoadedModel, Provider, Session, load_segmenter},
    ledger::Ledger,
    model::ModelOptions,
    pipeline::{FrameResult, Models, Pipeline, PipelineHandle},
    publish::{Annotations, Beside, Publisher, Watchers},
    redis_client::RedisClient,
    sampler,
    settings::Settings,
    source::{self, FrameSource, files::FileSource},
};

/// What runs once there is a model.
pub(super) struct Running {
    pipeline: Pipeline,
    files: Option<JoinHandle<()>>,
    streams: Option<Streams>,
    publishing: Publishing,
    /// Told when labels are to be published.
    labels: Arc<Notify>,
    sampler: JoinHandle<()>,
    /// What puts another model into service.
    reload: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts the pipeline and what feeds and empties it; `token` ends the feeding.
    pub(super) fn start(
        parts: &Parts,
        models: Models,
        ledger: Ledger,
        token: &CancellationToken,
    ) -> Result<Self, AppError> {
        let Parts { settings, recorder, .. } = parts;
        let detector = &models.detector;
        let provider = detector.sessions.first().map(Session::provider);
        let segmenter = models.segmenter.as_ref().map(|segmenter| segmenter.name());
        tracing::info!(model = %detector.model, provider = provider.map(Provider::as_str), segmenter, "model ready");
        let (results_tx, results) = mpsc::channel(settings.publish.queue_capacity);
        let thresholds = settings.model.thresholds();
        let pipeline =
            Pipeline::start(models, &settings.pipeline(), thresholds, ledger, recorder, results_tx)
                .map_err(AppError::Thread)?;
        let sampler = sampler::sample(pipeline.handle(), recorder.clone(), token.clone());
        let sampler = watched(&pipeline, sampler);
        let files = FileSource::new(&settings.files)?;
        let files = files.map(|source| watched(&pipeline, fed(parts, &pipeline, source, token)));
        let labels = Arc::new(Notify::new());
        let (publishing, streams) = if settings.redis.url.is_empty() {
            (
                Publishing {
                    publisher: watched(&pipeline, show(results, parts.watchers.clone())),
                    annotations: None,
                },
                None,
            )
        } else {
            let client = settings.redis.client()?;
            let streams = Streams::start(parts, &client, &pipeline, Arc::clone(&labels), token);
            (Publishing::start(parts, &client, &pipeline, Arc::clone(&labels), results)?, Some(streams))
        };
        Ok(Self { pipeline, files, streams, publishing, labels, sampler, reload: None })
    }

    /// Puts another model into service when it is told to, or when the model's files are others than `files`.
    pub(super) fn look_after_model(
        &mut self,
        parts: &Parts,
        files: Fingerprint,
        hangups: Signal,
        token: &CancellationToken,
    ) {
        let Parts { settings, recorder, .. } = parts;
        let reload = Reload::new(settings, files, self.handle(), Arc::clone(&self.labels), recorder);
        self.reload = Some(watched(&self.pipeline, reload.run(hangups, token.clone())));
    }

    /// The way into the pipeline.
    pub(super) fn handle(&self) -> PipelineHandle {
        self.pipeline.handle()
    }

    /// Resolves when a part has panicked: nothing works any more.
    pub(super) async fn broken(&self) {
        self.pipeline.broken().await;
    }

    /// Finishes the frames in progress: first no more come in, then the pipeline empties, then the publisher, then what
    /// was published is acknowledged; only then the streams are left to other replicas.
    pub(super) async fn finish(self, patience: Duration) {
        let Self { pipeline, files, streams, publishing, sampler, reload, .. } = self;
        let abandon = publishing.publisher.abort_handle();
        let finished = tokio::time::timeout(patience, async {
            for task in [reload, files].into_iter().flatten() {
                task.await?;
            }
            let streams = match streams {
                Some(streams) => Some(streams.stop_reading().await?),
                None => None,
            };
            tokio::task::spawn_blocking(|| pipeline.shut_down()).await?;
            publishing.finish().await?;
            if let Some(streams) = streams {
                streams.leave().await?;
            }
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
pub(super) fn watched(
    pipeline: &Pipeline,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let guard = pipeline.panic_guard();
    tokio::spawn(async move {
        let _guard = guard;
        task.await;
    })
}

/// What takes results away.
struct Publishing {
    publisher: JoinHandle<()>,
    /// Ends after the publisher.
    annotations: Option<JoinHandle<()>>,
}

impl Publishing {
    fn start(
        parts: &Parts,
        client: &RedisClient,
        pipeline: &Pipeline,
        connected: Arc<Notify>,
        results: mpsc::Receiver<FrameResult>,
    ) -> Result<Self, AppError> {
        let Parts { settings, recorder, watchers, .. } = parts;
        let (annotations, annotating) = if settings.annotate.enabled {
            let settings = settings.annotate.clone();
            let started = Annotations::start(settings, client.writer(), recorder);
            let (annotations, annotating) = started.map_err(AppError::Thread)?;
            (Some(annotations), Some(watched(pipeline, annotating)))
        } else {
            (None, None)
        };
        let beside = Beside { watchers: watchers.clone(), annotations, pipeline: pipeline.handle() };
        let (publish, connection) = (settings.publish.clone(), client.writer());
        let publisher = Publisher::new(publish, connection, connected, beside, recorder);
        Ok(Self { publisher: watched(pipeline, publisher.run(results)), annotations: annotating })
    }

    async fn finish(self) -> Result<(), JoinError> {
        self.publisher.await?;
        match self.annotations {
            Some(annotations) => annotations.await,
            None => Ok(()),
        }
    }
}

/// What feeds the pipeline from a source until `token` is cancelled.
pub(super) fn fed<S: FrameSource + 'static>(
    parts: &Parts,
    pipeline: &Pipeline,
    source: S,
    token: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<S> {
    let while_moving = parts.settings.publish.while_moving;
    source::feed(source, pipeline.handle(), parts.recorder.clone(), while_moving, token.clone())
}

/// Without Redis the results of files are for those who watch.
async fn show(mut results: mpsc::Receiver<FrameResult>, watchers: Watchers) {
    while let Some(FrameResult { frame, detected, ticket, .. }) = results.recv().await {
        // What nobody watches is nobody's.
        let _ = watchers.tell(frame, detected);
        ticket.processed();
    }
}

/// Loads what the settings name, away from the threads that serve.
pub(super) async fn load(settings: &Settings) -> Result<Models, AppError> {
    let detector = load_detector(settings).await?;
    let (segmenter, runtime) = (settings.segmenter.clone(), settings.runtime.clone());
    let segmenter = away(move || load_segmenter(&segmenter, &runtime)).await?;
    Ok(Models { detector, segmenter })
}

/// Loads the model that detects.
pub(super) async fn load_detector(settings: &Settings) -> Result<LoadedModel, AppError> {
    let (source, runtime) = (settings.model.source(), settings.runtime.clone());
    let options = ModelOptions {
        family: settings.model.family.clone(),
        labels: settings.model.labels.clone(),
        max_batch: settings.batch.max_size,
        ..ModelOptions::default()
    };
    away(move || LoadedModel::load(&source, &options, &runtime)).await
}

/// Does work that takes seconds away from the threads that serve.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, AppError> {
    let panicked =
        |error: JoinError| AppError::Ended { part: "loading the model", reason: error.to_string() };
    Ok(tokio::task::spawn_blocking(work).await.map_err(panicked)??)
}
