//! Another model takes over while the service runs: after SIGHUP, or when its file or one beside it has changed.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::ERRORS;
use vision_metrics_client::{Counter, Recorder};

use super::{AppError, running::load_detector};
use crate::{
    inference::{Fingerprint, ModelSource},
    pipeline::PipelineHandle,
    settings::Settings,
};

/// Listens to SIGHUP, which would end the process otherwise.
pub(super) fn hangups() -> Result<Signal, AppError> {
    signal(SignalKind::hangup()).map_err(AppError::Signal)
}

/// What puts another model into service.
pub(super) struct Reload {
    settings: Settings,
    source: ModelSource,
    pipeline: PipelineHandle,
    /// Told when labels are to be published anew.
    labels: Arc<Notify>,
    failed: Counter,
    /// Of the files that the model in service is from, or that failed to be loaded.
    tried: Fingerprint,
    /// As it was when last looked at: a file that is being written changes between two looks.
    seen: Fingerprint,
}

impl Reload {
    /// Looks after the model of `pipeline`, which `settings` describe. `files` is of its files before they were loaded.
    pub(super) fn new(
        settings: &Settings,
        files: Fingerprint,
        pipeline: PipelineHandle,
        labels: Arc<Notify>,
        recorder: &Recorder,
    ) -> Self {
        Self {
            source: settings.model.source(),
            settings: settings.clone(),
            pipeline,
            labels,
            failed: recorder.counter(&ERRORS, &["model", "reload"]),
            seen: files.clone(),
            tried: files,
        }
    }

    /// Works until `token` is cancelled.
    pub(super) async fn run(mut self, mut hangups: Signal, token: CancellationToken) {
        let mut looks = looks(self.settings.model.watch_every);
        loop {
            let wanted = tokio::select! {
                () = token.cancelled() => return,
                Some(()) = hangups.recv() => self.told(),
                () = next(&mut looks) => self.has_changed(),
            };
            if wanted && token.run_until_cancelled(self.reload()).await.is_none() {
                return;
            }
        }
    }

    fn told(&mut self) -> bool {
        if self.source == ModelSource::BuiltIn {
            tracing::info!("SIGHUP: the model is part of the program, there is nothing to load");
            return false;
        }
        self.seen = self.source.fingerprint();
        true
    }

    /// Whether the files are others than those tried last, and have been left alone since the last look.
    fn has_changed(&mut self) -> bool {
        let now = self.source.fingerprint();
        let settled = now == self.seen;
        self.seen = now;
        settled && self.seen != self.tried
    }

    async fn reload(&mut self) {
        self.tried = self.seen.clone();
        tracing::info!(model = self.source.name(), "loading the model anew");
        match load_detector(&self.settings).await {
            Ok(loaded) => {
                tracing::info!(model = %loaded.model, "another model takes over");
                let pipeline = self.pipeline.clone();
                // What streams are searched for becomes tokens anew.
                if tokio::task::spawn_blocking(move || pipeline.replace_model(loaded)).await.is_err() {
                    return self.failed.inc();
                }
                self.labels.notify_one();
            }
            Err(error) => {
                self.failed.inc();
                tracing::error!(%error, "the model cannot be loaded anew: going on with the one in service");
            }
        }
    }
}

/// When files are looked at; `None` when they never are.
fn looks(every: Duration) -> Option<Interval> {
    (!every.is_zero()).then(|| {
        let mut looks = interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks
    })
}

async fn next(looks: &mut Option<Interval>) {
    match looks {
        Some(looks) => drop(looks.tick().await),
        None => std::future::pending().await,
    }
}
