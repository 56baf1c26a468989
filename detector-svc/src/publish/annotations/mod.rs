//! Frames with what was found drawn in, for people to look at: drawn on a thread of their own and published beside
//! the detections, which never wait for them.

mod draw;
mod metrics;
mod settings;

use std::{io, thread, time::Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};
use redis::{RedisResult, Value, aio::ConnectionLike};
use tokio::sync::mpsc;
use vision_metrics_client::Recorder;

pub use self::settings::AnnotationSettings;
use self::{
    draw::{AnnotatedEntry, Draughtsman},
    metrics::AnnotationMetrics,
};
use super::entry;
use crate::{
    image::Image,
    pipeline::{Detected, FrameOrigin},
};

/// Frames that wait to be drawn into, and entries that wait to be published: pictures for people may miss some.
const WAITING: usize = 2;

/// A published frame that is to be shown.
#[derive(Debug)]
pub(super) struct ToAnnotate {
    pub(super) frame: FrameOrigin,
    pub(super) image: Image,
    pub(super) detected: Detected,
}

/// Takes frames to be shown; those that it has no time for are left out and counted.
pub struct Annotations {
    frames: Sender<ToAnnotate>,
    metrics: AnnotationMetrics,
}

impl Annotations {
    /// Starts the thread that draws. Gives, too, the work of publishing, which ends after this is dropped.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start<C: ConnectionLike + Send>(
        settings: AnnotationSettings,
        connection: C,
        recorder: &Recorder,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + use<C>)> {
        let (frames, to_draw) = bounded(WAITING);
        let (drawn, entries) = mpsc::channel(WAITING);
        let metrics = AnnotationMetrics::new(recorder);
        let draughtsman = Draughtsman::new(to_draw, drawn, metrics.clone());
        thread::Builder::new().name("annotate".to_owned()).spawn(|| draughtsman.run())?;
        let publishing = publish(settings, connection, entries, metrics.clone());
        Ok((Self { frames, metrics }, publishing))
    }

    pub(super) fn show(&self, frame: ToAnnotate) {
        match self.frames.try_send(frame) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.metrics.failed("backpressure"),
            Err(TrySendError::Disconnected(_)) => self.metrics.failed("ended"),
        }
    }
}

async fn publish(
    settings: AnnotationSettings,
    mut connection: impl ConnectionLike,
    mut entries: mpsc::Receiver<AnnotatedEntry>,
    metrics: AnnotationMetrics,
) {
    while let Some(AnnotatedEntry(fields)) = entries.recv().await {
        let started = Instant::now();
        let command = entry::add(&settings.stream, "~", settings.max_len, fields);
        let sent: RedisResult<Value> = command.query_async(&mut connection).await;
        metrics.published(started, &sent);
    }
}
