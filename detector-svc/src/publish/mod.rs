//! Publishes detections: to Redis, and to those who watch over gRPC.

mod annotations;
mod entry;
mod message;
mod metrics;
mod watchers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{Cmd, RedisResult, Value};
use tokio::sync::{Notify, mpsc};
use vision_metrics_client::Recorder;
use vision_service::{clock::unix_now, rate_limit::OncePer, settings::InvalidSetting};

pub use self::annotations::{AnnotationSettings, Annotations};
pub(crate) use self::message::LABELS_SOURCE;
pub use self::watchers::{PublishedFrame, Watchers, Watching};
use self::{annotations::ToAnnotate, entry::Added, metrics::PublishMetrics};
use crate::{
    image::Image,
    ledger::{Failure, Ticket},
    model::MAX_MASKS,
    ownership::OwnershipKeys,
    pipeline::{Detected, FrameOrigin, FrameResult, PipelineHandle},
    redis_client::Writer,
};

/// Most results that may wait.
const MAX_QUEUE_CAPACITY: usize = 65_536;
/// Results sent to Redis in one exchange.
const MAX_EXCHANGE: usize = 64;
/// The same of results with masks, which are thousands of times as large.
const MAX_EXCHANGE_OF_MASKS: usize = 4;
/// A connection that was not used for longer than this is tried before it is trusted with a result.
const TRUSTED: Duration = Duration::from_millis(500);
/// Pause before labels that could not be published are tried again.
const LABELS_RETRY: Duration = Duration::from_secs(1);

vision_service::settings! {
    /// What is published to Redis.
    pub struct PublishSettings checked by check {
        /// Stream that detections are published to.
        pub objects_stream: String = "detected_objects".to_owned(),
        /// Entries that it keeps, about.
        pub objects_max_len: usize = 500,
        /// Whether a frame with nothing in it is published, too.
        pub empty_frames: bool = true,
        /// Whether frames that were taken while robot or camera moved (`is_moving`, `robot_moving` or
        /// `camera_moving` in their metadata) are looked at and published, too; otherwise they are dropped as `moving`.
        pub while_moving: bool = false,
        /// Whether masks are made and published with detections, where the model or a segmenter makes them: an uncompressed
        /// pixel a byte, so each mask is as large as the image.
        pub masks: bool = false,
        /// Most objects of one frame that masks are made for by the model, the most confident ones, 1 to 100.
        pub max_masks: usize = 16,
        /// Stream that the model's labels are published to when Redis is connected. What somebody else adds to it while
        /// this runs is what a model that can be asked in words looks for from then on.
        pub labels_stream: String = "detectable_labels".to_owned(),
        /// Results that may wait; past it the model waits.
        pub queue_capacity: usize = 64,
    }
}

/// Who gets what was published, beside Redis.
pub struct Beside {
    /// Those who watch over gRPC.
    pub watchers: Watchers,
    /// Those who look at pictures; `None` when no frames are shown.
    pub annotations: Option<Annotations>,
    /// Where detections that nobody needs any more leave their memory.
    pub pipeline: PipelineHandle,
}

/// Publishes results in their order.
pub struct Publisher {
    keys: OwnershipKeys,
    settings: PublishSettings,
    connection: Writer,
    /// When the connection last worked; `None` when it last did not.
    worked: Option<Instant>,
    /// Told when Redis is there again, perhaps empty.
    connected: Arc<Notify>,
    beside: Beside,
    metrics: PublishMetrics,
    log: OncePer,
}

impl Publisher {
    /// A publisher of results. It publishes the model's labels whenever `connected` is told.
    #[must_use]
    pub fn new(
        settings: PublishSettings,
        connection: Writer,
        connected: Arc<Notify>,
        beside: Beside,
        recorder: &Recorder,
    ) -> Self {
        Self {
            keys: OwnershipKeys::new(&settings.objects_stream),
            settings,
            connection,
            worked: None,
            connected,
            beside,
            metrics: PublishMetrics::new(recorder),
            log: OncePer::new(Duration::from_secs(1)),
        }
    }

    /// Publishes results until no more come, and the labels now and then.
    pub async fn run(mut self, mut results: mpsc::Receiver<FrameResult>) {
        let most = if self.settings.masks { MAX_EXCHANGE_OF_MASKS } else { MAX_EXCHANGE };
        let mut waiting = Vec::with_capacity(most);
        let connected = Arc::clone(&self.connected);
        let mut retry_labels = None;
        loop {
            tokio::select! {
                received = results.recv_many(&mut waiting, most) => match received {
                    0 => return,
                    _ => self.publish(&mut waiting).await,
                },
                () = connected.notified() => retry_labels = self.publish_labels().await,
                () = until(retry_labels) => retry_labels = self.publish_labels().await,
            }
        }
    }

    /// Publishes the labels; tells when to try again if that failed.
    async fn publish_labels(&mut self) -> Option<Instant> {
        let started = Instant::now();
        self.ensure_connected(started).await;
        let command = entry::add(&self.settings.labels_stream, "=", 1, self.labels(unix_now()));
        let sent: RedisResult<Value> = command.query_async(&mut self.connection).await;
        self.metrics.labels.observe(started, &sent);
        self.worked = sent.is_ok().then_some(started);
        let error = sent.err()?;
        if let Some(suppressed) = self.log.pass(started) {
            let stream = &self.settings.labels_stream;
            tracing::warn!(%error, stream, suppressed, "failed to publish the model's labels");
        }
        Some(started + LABELS_RETRY)
    }

    /// Tries a connection that may be dead without anybody knowing: a result sent over it would be lost, and one
    /// sent twice might arrive twice.
    async fn ensure_connected(&mut self, now: Instant) {
        let trusted = |worked| now.duration_since(worked) < TRUSTED;
        if self.worked.is_some_and(trusted) {
            return;
        }
        // After the first failure the second try connects anew.
        for _ in 0..2 {
            if self.connection.ping(&self.settings.objects_stream).await.is_ok() {
                return;
            }
        }
    }

    /// Fields of the entry that tells what streams are searched for.
    fn labels(&self, now: Duration) -> Vec<(&'static str, String)> {
        let served = self.beside.pipeline.served();
        message::labels(&served.model, &served.vocabulary().labels, now)
    }

    /// Sends results in one exchange and gives each its verdict, in their order; none is left.
    async fn publish(&mut self, results: &mut Vec<FrameResult>) {
        let started = Instant::now();
        let mut outcomes = self.send(results, started).await.into_iter();
        for result in results.drain(..) {
            let sent = self.is_sent(&result);
            let outcome = if sent { outcomes.next().unwrap_or_else(no_reply) } else { Ok(Added::Yes) };
            match outcome {
                Ok(Added::Yes) => self.deliver(result, started),
                Ok(Added::NotOwned) => self.disown(result),
                Err(reason) => self.fail(result.ticket, &reason),
            }
        }
    }

    /// Whether a result goes to Redis.
    fn is_sent(&self, result: &FrameResult) -> bool {
        self.settings.empty_frames || !result.detected.detections.is_empty()
    }

    /// The command that adds a result to the stream of detections.
    fn command(&self, result: &FrameResult, now: Duration) -> Cmd {
        let PublishSettings { objects_stream, objects_max_len, .. } = &self.settings;
        // What is acknowledged frame by frame may come in another order.
        let remembered = !result.ticket.is_awaited();
        let fields = message::objects(&result.frame, &result.detected, now);
        entry::add_of_frame(&self.keys, &result.frame, objects_stream, *objects_max_len, remembered, fields)
    }

    /// Whether each result that is to be sent arrived, in their order.
    async fn send(&mut self, results: &[FrameResult], started: Instant) -> Vec<Result<Added, String>> {
        let mut exchange = redis::pipe();
        exchange.ignore_errors();
        let now = unix_now();
        for result in results.iter().filter(|result| self.is_sent(result)) {
            exchange.add_command(self.command(result, now));
        }
        let count = exchange.len();
        if count == 0 {
            return Vec::new();
        }
        self.ensure_connected(started).await;
        let replies: RedisResult<Vec<RedisResult<Value>>> = exchange.query_async(&mut self.connection).await;
        self.worked = replies.is_ok().then_some(started);
        match replies {
            Ok(replies) => {
                replies.iter().for_each(|reply| self.metrics.objects.observe(started, reply));
                replies.into_iter().map(|reply| entry::added(reply).map_err(|e| e.to_string())).collect()
            }
            Err(error) => {
                let reason = error.to_string();
                let failed = Err::<(), _>(error);
                (0..count).for_each(|_| self.metrics.objects.observe(started, &failed));
                vec![Err(reason); count]
            }
        }
    }

    fn deliver(&mut self, result: FrameResult, started: Instant) {
        let FrameResult { frame, detected, image, ticket, received } = result;
        let waited = started.saturating_duration_since(received + detected.timings.total);
        let age = unix_now().saturating_sub(frame.captured);
        self.metrics.delivered(&frame.stream, age, waited, started.elapsed());
        self.beside.tell(frame, detected, image);
        ticket.processed();
    }

    fn disown(&self, result: FrameResult) {
        let stream = &result.frame.stream;
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(%stream, suppressed, "detections not published: another replica has the stream now");
        }
        result.ticket.disowned();
    }

    fn fail(&self, ticket: Ticket, reason: &str) {
        ticket.failed(Failure::Publish);
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(reason, suppressed, "failed to publish detections");
        }
    }
}

impl Beside {
    fn tell(&self, frame: FrameOrigin, detected: Detected, image: Option<Image>) {
        if let Some((annotations, image)) = self.annotations.as_ref().zip(image) {
            annotations.show(ToAnnotate { frame: frame.clone(), image, detected: detected.clone() });
        }
        if let Some(detected) = self.watchers.tell(frame, detected) {
            self.pipeline.give_back(detected);
        }
    }
}

fn no_reply() -> Result<Added, String> {
    Err("no reply".to_owned())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn check(settings: &PublishSettings) -> Result<(), InvalidSetting> {
    for (key, name) in
        [("objects_stream", &settings.objects_stream), ("labels_stream", &settings.labels_stream)]
    {
        if name.is_empty() {
            return Err(InvalidSetting::new(key, "is empty"));
        }
    }
    if !(1..=MAX_MASKS).contains(&settings.max_masks) {
        let reason = format!("is {}, 1 to {MAX_MASKS} are allowed", settings.max_masks);
        return Err(InvalidSetting::new("max_masks", reason));
    }
    if settings.objects_max_len == 0 {
        return Err(InvalidSetting::new("objects_max_len", "is 0, at least 1 is needed"));
    }
    if !(1..=MAX_QUEUE_CAPACITY).contains(&settings.queue_capacity) {
        let reason = format!("is {}, 1 to {MAX_QUEUE_CAPACITY} are allowed", settings.queue_capacity);
        return Err(InvalidSetting::new("queue_capacity", reason));
    }
    Ok(())
}
