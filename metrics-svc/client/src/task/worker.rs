//! The loop that cuts batches, keeps a stream open and sends what is not acknowledged.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use vision_proto::metrics::v1::{Producer, RecordRequest, RecordResponse};

use super::{Unflushed, outbox::Outbox, waiters::Waiters};
use crate::{
    RecorderSettings,
    remote::{Declared, Remote},
    stream::{Stream, StreamError},
};

/// Pause between two log lines about rejections.
const REJECTION_LOG_INTERVAL: Duration = Duration::from_secs(1);

type Backoff = <ExponentialBuilder as BackoffBuilder>::Backoff;

/// State of the task.
#[derive(Debug)]
pub(super) struct Worker {
    settings: RecorderSettings,
    endpoint: Endpoint,
    producer: Producer,
    remote: Arc<Remote>,
    outbox: Outbox,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    waiters: Waiters,
    backoff: Backoff,
    /// Which life of the service the gauges were sent to.
    server_epoch: Option<u64>,
    gauges_refreshed: Instant,
    rejections_logged: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        settings: RecorderSettings,
        endpoint: Endpoint,
        producer: Producer,
        remote: Arc<Remote>,
        outbox: Outbox,
        flushes: mpsc::Receiver<oneshot::Sender<()>>,
    ) -> Self {
        Self {
            backoff: backoff(&settings),
            settings,
            endpoint,
            producer,
            remote,
            outbox,
            flushes,
            waiters: Waiters::default(),
            server_epoch: None,
            gauges_refreshed: Instant::now(),
            rejections_logged: None,
        }
    }

    /// Works until `stop` is cancelled; tells what is left.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Unflushed {
        stop.run_until_cancelled(self.work()).await;
        Unflushed {
            events: self.outbox.events() + self.remote.take().value.len(),
            batches: self.outbox.len(),
        }
    }

    /// Opens one stream after another, until a newer run of the producer has taken over.
    async fn work(&mut self) {
        loop {
            let error = match self.open().await {
                Ok(stream) => self.drive(stream).await,
                Err(error) => error,
            };
            if error.is_superseded() {
                tracing::error!(%error, "recorder stops: this producer has been replaced");
                return;
            }
            let pause = self.backoff.next().unwrap_or(self.settings.backoff_max);
            tracing::warn!(%error, retry_in = ?pause, "failed to stream metrics");
            self.meanwhile(sleep(pause)).await;
        }
    }

    /// Opens a stream, learns what the service has applied and goes back to what it has not.
    async fn open(&mut self) -> Result<Stream, StreamError> {
        let mut declared = Declared::default();
        let mut opening = self.request(&mut declared).0;
        opening.producer = Some(self.producer.clone());
        let (endpoint, patience) = (self.endpoint.clone(), self.settings.ack_timeout);
        // Connecting takes a large state that a stream in use needs no more.
        let open = Box::pin(Stream::open(endpoint, opening, declared, patience));
        let (stream, first) = self.meanwhile(open).await?;
        tracing::info!(endpoint = %self.settings.endpoint, acked = first.acked_sequence, "metrics stream open");
        self.log_rejections(&first);
        self.outbox.reopen(first.acked_sequence, Instant::now());
        let known = self.server_epoch.replace(first.server_epoch);
        if known.is_some_and(|known| known != first.server_epoch) {
            // It has forgotten what it was told, and a gauge that stays as it is would never be told again.
            self.remote.refresh_gauges();
        }
        Ok(stream)
    }

    /// Goes on gathering while there is no stream: a batch is cut only when the queue needs the room.
    async fn meanwhile<F: Future>(&mut self, other: F) -> F::Output {
        let mut other = std::pin::pin!(other);
        loop {
            self.settle_waiters();
            tokio::select! {
                output = &mut other => return output,
                () = self.remote.samples().half_full() => self.cut(),
                Some(waiter) = self.flushes.recv() => self.waiters.push(waiter),
            }
        }
    }

    /// Uses a stream until it breaks.
    async fn drive(&mut self, mut stream: Stream) -> StreamError {
        let mut flush = interval(self.settings.flush_interval);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Once the call takes no more requests, the reason comes with the responses.
        let mut writable = true;
        loop {
            self.settle_waiters();
            let overdue = self.outbox.waiting_since().map(|since| since + self.settings.ack_timeout);
            tokio::select! {
                response = stream.responses.message() => match response {
                    Ok(Some(response)) => self.acknowledge(&response),
                    Ok(None) => return StreamError::Ended,
                    Err(status) => return status.into(),
                },
                permit = stream.requests.reserve(), if writable && self.outbox.has_unsent() => match permit {
                    Ok(permit) => permit.send(self.next_request(&mut stream.declared)),
                    Err(_) => writable = false,
                },
                _ = flush.tick() => self.cut_on_time(),
                () = self.remote.samples().half_full() => self.cut(),
                Some(waiter) = self.flushes.recv() => self.waiters.push(waiter),
                () = until(overdue) => return StreamError::Silent(self.settings.ack_timeout),
            }
        }
    }

    fn acknowledge(&mut self, response: &RecordResponse) {
        self.log_rejections(response);
        let before = self.outbox.len();
        self.outbox.acknowledge(response.acked_sequence, Instant::now());
        if self.outbox.len() < before {
            self.backoff = backoff(&self.settings);
        }
        if self.remote.samples().is_half_full() {
            self.cut();
        }
    }

    /// The next batch with the declarations that it needs, or as many of these as fit one message.
    fn next_request(&mut self, declared: &mut Declared) -> RecordRequest {
        let (mut request, complete) = self.request(declared);
        if !complete {
            return request;
        }
        if let Some((batch, again)) = self.outbox.send_next() {
            request.sequence = batch.sequence;
            request.samples = Some(batch.samples.clone());
            if again {
                self.remote.resent().add_one();
            }
        }
        request
    }

    /// A message with the next declarations, and whether these are the last.
    fn request(&self, declared: &mut Declared) -> (RecordRequest, bool) {
        let declarations = self.remote.next_declarations(declared);
        let request = RecordRequest {
            metrics: declarations.metrics,
            series: declarations.series,
            ..RecordRequest::default()
        };
        (request, declarations.complete)
    }

    fn cut_on_time(&mut self) {
        if self.gauges_refreshed.elapsed() >= self.settings.gauge_refresh {
            self.gauges_refreshed = Instant::now();
            self.remote.refresh_gauges();
        }
        self.cut();
    }

    /// Cuts a batch of all that waits, unless too many are unacknowledged.
    fn cut(&mut self) {
        if !self.outbox.has_room() {
            return;
        }
        let samples = self.remote.take();
        if !samples.value.is_empty() {
            self.outbox.push(samples, Instant::now());
        }
        self.waiters.all_cut(self.outbox.last_sequence());
    }

    fn settle_waiters(&mut self) {
        if self.waiters.want_cut() {
            self.cut();
        }
        self.waiters.acknowledged(self.outbox.acked_sequence());
    }

    fn log_rejections(&mut self, response: &RecordResponse) {
        let Some(first) = response.rejections.first() else {
            return;
        };
        let logged = self.rejections_logged;
        if logged.is_some_and(|logged| logged.elapsed() < REJECTION_LOG_INTERVAL) {
            return;
        }
        self.rejections_logged = Some(Instant::now());
        let count = response.rejections.len() as u64 + response.unlisted_rejections;
        tracing::warn!(count, first = first.message, "metrics service rejects part of a batch");
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn backoff(settings: &RecorderSettings) -> Backoff {
    ExponentialBuilder::new()
        .with_min_delay(settings.backoff_min)
        .with_max_delay(settings.backoff_max)
        .without_max_times()
        .with_jitter()
        .build()
}
