//! Moves frames from a source into the pipeline, and accounts for those that are none.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::STREAM_LAST_FRAME_TIMESTAMP;
use vision_metrics_client::Recorder;
use vision_service::rate_limit::OncePer;

use super::{FrameSource, SourceEvent};
use crate::{frame::StreamId, ledger::Failure, pipeline::PipelineHandle};

/// How stale a waiting frame may grow before a newer one is looked for, although none is wanted yet.
const REFRESH: Duration = Duration::from_millis(20);

/// Feeds the pipeline until `stop` is cancelled.
pub async fn feed(
    mut source: impl FrameSource,
    pipeline: PipelineHandle,
    recorder: Recorder,
    stop: CancellationToken,
) {
    let invalid_entries = OncePer::new(Duration::from_secs(1));
    loop {
        let next = async {
            pipeline.vacancy(REFRESH).await;
            source.read().await
        };
        let Some(events) = stop.run_until_cancelled(next).await else {
            return;
        };
        for event in events {
            take(event, &pipeline, &recorder, &invalid_entries);
        }
    }
}

fn take(event: SourceEvent, pipeline: &PipelineHandle, recorder: &Recorder, log: &OncePer) {
    match event {
        SourceEvent::Frame(frame) => {
            seen(recorder, &frame.stream);
            pipeline.offer(frame);
        }
        SourceEvent::Invalid { stream, id, reason } => {
            seen(recorder, &stream);
            pipeline.ledger().receive(&stream).failed(Failure::Invalid);
            if let Some(suppressed) = log.pass(Instant::now()) {
                tracing::warn!(%stream, entry = id, reason, suppressed, "entry skipped: it is no frame");
            }
        }
        SourceEvent::Missed { stream, reason, frames } => pipeline.ledger().missed(&stream, reason, frames),
        SourceEvent::Restarted(stream) => {
            tracing::info!(%stream, "stream has begun again");
            pipeline.restart_stream(&stream);
        }
    }
}

fn seen(recorder: &Recorder, stream: &StreamId) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    recorder.gauge(&STREAM_LAST_FRAME_TIMESTAMP, &[stream.as_str()]).set(now.as_secs_f64());
}
