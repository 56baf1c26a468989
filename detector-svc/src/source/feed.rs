//! Moves frames from a source into the pipeline, and accounts for those that are none.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::STREAM_LAST_FRAME_TIMESTAMP;
use vision_metrics_client::{Gauge, Recorder};
use vision_service::{clock::unix_now, rate_limit::OncePer};

use super::{FrameSource, SourceEvent};
use crate::{
    frame::StreamId,
    ledger::{DropReason, Failure},
    pipeline::PipelineHandle,
};

/// How stale a waiting frame may grow before a newer one is looked for, although none is wanted yet.
const REFRESH: Duration = Duration::from_millis(20);

/// Feeds the pipeline until `stop` is cancelled.
pub async fn feed(
    mut source: impl FrameSource,
    pipeline: PipelineHandle,
    recorder: Recorder,
    while_moving: bool,
    stop: CancellationToken,
) {
    let mut feed = Feed {
        pipeline,
        recorder,
        while_moving,
        last_seen: HashMap::new(),
        invalid_entries: OncePer::new(Duration::from_secs(1)),
    };
    loop {
        let next = async {
            feed.pipeline.vacancy(REFRESH).await;
            source.read().await
        };
        let next = stop.run_until_cancelled(next).await;
        let ended = next.is_none();
        // What was read before the end was received, and so has to be accounted for.
        for event in next.unwrap_or_else(|| source.read_so_far()) {
            feed.take(event);
        }
        if ended {
            return;
        }
    }
}

/// Takes what a source tells.
struct Feed {
    pipeline: PipelineHandle,
    recorder: Recorder,
    /// Whether frames that were taken while robot or camera moved are looked at.
    while_moving: bool,
    last_seen: HashMap<StreamId, Gauge>,
    invalid_entries: OncePer,
}

impl Feed {
    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Frame(frame) => {
                self.seen(&frame.stream);
                if frame.metadata.moving && !self.while_moving {
                    self.pipeline.ledger().receive(&frame.stream, frame.receipt).dropped(DropReason::Moving);
                } else {
                    self.pipeline.offer(frame);
                }
            }
            SourceEvent::Invalid { stream, id, reason } => {
                self.seen(&stream);
                self.pipeline.ledger().receive(&stream, None).failed(Failure::Invalid);
                if let Some(suppressed) = self.invalid_entries.pass(Instant::now()) {
                    tracing::warn!(%stream, entry = id, reason, suppressed, "entry skipped: it is no frame");
                }
            }
            SourceEvent::Missed { stream, reason, frames } => {
                self.pipeline.ledger().missed(&stream, reason, frames);
            }
            SourceEvent::Poison { stream, id, deliveries } => {
                self.pipeline.ledger().receive(&stream, None).failed(Failure::Poison);
                tracing::error!(%stream, entry = %id, deliveries, "entry given up: it never got a verdict");
            }
            SourceEvent::Ended(stream) => {
                self.last_seen.remove(&stream);
                self.pipeline.end_stream(&stream);
            }
            SourceEvent::Restarted(stream) => {
                tracing::info!(%stream, "stream has begun again");
                self.pipeline.restart_stream(&stream);
            }
        }
    }

    fn seen(&mut self, stream: &StreamId) {
        let gauge = self.last_seen.entry(stream.clone());
        let new = || self.recorder.gauge(&STREAM_LAST_FRAME_TIMESTAMP, &[stream.as_str()]);
        gauge.or_insert_with(new).set(unix_now().as_secs_f64());
    }
}
