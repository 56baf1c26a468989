//! Publishes detections: to Redis, and to those who watch over gRPC.

mod message;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use redis::{Cmd, RedisResult, Value, aio::ConnectionManager};
use tokio::sync::{broadcast, mpsc};
use vision_metrics::catalogue::{FRAME_AGE, PIPELINE_STAGE_DURATION, QUEUE_WAIT_DURATION};
use vision_metrics_client::{Histogram, Recorder};
use vision_service::{rate_limit::OncePer, settings::InvalidSetting};

use crate::{
    ledger::{Failure, Ticket},
    model::Model,
    pipeline::{Detected, FrameOrigin, FrameResult},
    redis_client::RedisMetrics,
};

/// Results sent to Redis in one exchange.
const MAX_EXCHANGE: usize = 64;
/// Results kept for a watcher that reads slowly; past it the oldest are lost to it.
const WATCH_CAPACITY: usize = 256;
/// Value of the `operation` label.
const PUBLISH: &str = "publish";

vision_service::settings! {
    /// What is published to Redis.
    pub struct PublishSettings checked by check {
        /// Stream that detections are published to.
        pub objects_stream: String = "detected_objects".to_owned(),
        /// Entries that it keeps, about.
        pub objects_max_len: usize = 500,
        /// Whether a frame with nothing in it is published, too.
        pub empty_frames: bool = true,
        /// Stream that the model's labels are published to at start.
        pub labels_stream: String = "detectable_labels".to_owned(),
    }
}

/// A frame and what was found in it, as those who watch get it.
#[derive(Clone, Debug)]
pub struct PublishedFrame {
    /// Which frame.
    pub frame: FrameOrigin,
    /// What was found.
    pub detected: Detected,
}

/// Where results can be watched; cheap to clone.
#[derive(Clone, Debug)]
pub struct Watchers(broadcast::Sender<Arc<PublishedFrame>>);

impl Default for Watchers {
    fn default() -> Self {
        Self(broadcast::Sender::new(WATCH_CAPACITY))
    }
}

impl Watchers {
    /// Follows what is published from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<PublishedFrame>> {
        self.0.subscribe()
    }

    fn tell(&self, frame: FrameOrigin, detected: Detected) {
        if self.0.receiver_count() > 0 {
            // The last watcher may leave at any time.
            let _ = self.0.send(Arc::new(PublishedFrame { frame, detected }));
        }
    }
}

/// Publishes results in their order.
pub struct Publisher {
    settings: PublishSettings,
    connection: ConnectionManager,
    model: Arc<Model>,
    watchers: Watchers,
    recorder: Recorder,
    redis: RedisMetrics,
    stage: Histogram,
    wait: Histogram,
    log: OncePer,
}

impl Publisher {
    /// A publisher of what `model` finds.
    #[must_use]
    pub fn new(
        settings: PublishSettings,
        connection: ConnectionManager,
        model: Arc<Model>,
        watchers: Watchers,
        recorder: &Recorder,
    ) -> Self {
        Self {
            settings,
            connection,
            model,
            watchers,
            redis: RedisMetrics::new(recorder),
            stage: recorder.histogram(&PIPELINE_STAGE_DURATION, &["publish"]),
            wait: recorder.histogram(&QUEUE_WAIT_DURATION, &["publish"]),
            recorder: recorder.clone(),
            log: OncePer::new(Duration::from_secs(1)),
        }
    }

    /// Publishes the labels, then results until no more come.
    pub async fn run(mut self, mut results: mpsc::Receiver<FrameResult>) {
        self.publish_labels().await;
        let mut waiting = Vec::with_capacity(MAX_EXCHANGE);
        while results.recv_many(&mut waiting, MAX_EXCHANGE).await > 0 {
            self.publish(std::mem::take(&mut waiting)).await;
        }
    }

    async fn publish_labels(&mut self) {
        let entry = message::labels(&self.model, unix_now());
        let command = xadd(&self.settings.labels_stream, "=", 1, entry);
        let started = Instant::now();
        let sent: RedisResult<Value> = command.query_async(&mut self.connection).await;
        self.redis.observe("publish_labels", started, 1, &sent);
        if let Err(error) = sent {
            tracing::warn!(%error, stream = self.settings.labels_stream, "failed to publish the model's labels");
        }
    }

    /// Sends results in one exchange and gives each its verdict.
    async fn publish(&mut self, results: Vec<FrameResult>) {
        let started = Instant::now();
        let (sent, silent): (Vec<_>, Vec<_>) = results
            .into_iter()
            .partition(|result| self.settings.empty_frames || !result.detected.detections.is_empty());
        for result in silent {
            self.deliver(result, started);
        }
        if sent.is_empty() {
            return;
        }
        let outcomes = self.send(&sent, started).await;
        self.stage.observe_duration(started.elapsed());
        for (result, outcome) in sent.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => self.deliver(result, started),
                Err(reason) => self.fail(result.ticket, &reason),
            }
        }
    }

    /// Whether each result arrived, in their order.
    async fn send(&mut self, results: &[FrameResult], started: Instant) -> Vec<Result<(), String>> {
        let mut exchange = redis::pipe();
        exchange.ignore_errors();
        let now = unix_now();
        for result in results {
            let entry = message::objects(&result.frame, &result.detected, &self.model, now);
            let (stream, keep) = (&self.settings.objects_stream, self.settings.objects_max_len);
            exchange.add_command(xadd(stream, "~", keep, entry));
        }
        let replies: RedisResult<Vec<RedisResult<Value>>> = exchange.query_async(&mut self.connection).await;
        match replies {
            Ok(replies) => {
                for reply in &replies {
                    self.redis.observe(PUBLISH, started, 1, reply);
                }
                let outcomes = replies.into_iter().map(|reply| reply.map(drop).map_err(|e| e.to_string()));
                let missing = std::iter::repeat_with(|| Err("no reply".to_owned()));
                outcomes.chain(missing).take(results.len()).collect()
            }
            Err(error) => {
                let reason = error.to_string();
                self.redis.observe(PUBLISH, started, results.len(), &Err::<(), _>(error));
                vec![Err(reason); results.len()]
            }
        }
    }

    fn deliver(&self, result: FrameResult, started: Instant) {
        let FrameResult { frame, detected, ticket, received } = result;
        let age = self.recorder.histogram(&FRAME_AGE, &[frame.stream.as_str()]);
        age.observe_duration(unix_now().saturating_sub(frame.captured));
        self.wait.observe_duration(started.saturating_duration_since(received + detected.timings.total));
        self.watchers.tell(frame, detected);
        ticket.processed();
    }

    fn fail(&self, ticket: Ticket, reason: &str) {
        ticket.failed(Failure::Publish);
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(reason, suppressed, "failed to publish detections");
        }
    }
}

fn xadd(stream: &str, trim: &str, keep: usize, fields: Vec<(&'static str, String)>) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("MAXLEN").arg(trim).arg(keep).arg("*").arg(fields);
    command
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn check(settings: &PublishSettings) -> Result<(), InvalidSetting> {
    for (key, name) in
        [("objects_stream", &settings.objects_stream), ("labels_stream", &settings.labels_stream)]
    {
        if name.is_empty() {
            return Err(InvalidSetting::new(key, "is empty"));
        }
    }
    if settings.objects_max_len == 0 {
        return Err(InvalidSetting::new("objects_max_len", "is 0, at least 1 is needed"));
    }
    Ok(())
}
