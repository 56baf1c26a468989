//! What was found goes to whoever waits for it.

use std::time::Instant;

use tokio::sync::mpsc;
use vision_metrics::catalogue::DETECTION_LATENCY;
use vision_metrics_client::{Histogram, Recorder};

use super::{
    FrameResult,
    job::{Detected, Origin},
};
use crate::{image::Image, ledger::Ticket};

/// An image with what was found in it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) ticket: Ticket,
    /// The image as it was decoded, when it is to be shown, or to be segmented.
    pub(super) image: Option<Image>,
    pub(super) received: Instant,
    pub(super) detected: Detected,
}

/// Hands results over: those of streams in their order to the publisher, the others to their callers.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    results: mpsc::Sender<FrameResult>,
    recorder: Recorder,
    /// That of the model whose result was last.
    latency: Option<(String, Histogram)>,
}

impl Delivery {
    pub(super) fn new(results: mpsc::Sender<FrameResult>, recorder: &Recorder) -> Self {
        Self { results, recorder: recorder.clone(), latency: None }
    }

    /// Hands a result over; waits while the publisher has no room.
    pub(super) fn hand_over(&mut self, found: Found) {
        self.record(&found.detected);
        let Found { origin, ticket, image, received, detected } = found;
        match origin {
            Origin::Stream(frame) => {
                let result = FrameResult { frame, detected, image, ticket, received };
                // The publisher outlives the pipeline; were it gone, the ledger would see the frame dropped.
                let _ = self.results.blocking_send(result);
            }
            Origin::Request(request) => {
                ticket.processed();
                // A caller who has gone meanwhile is not told.
                let _ = request.reply.send(Ok(detected));
            }
        }
    }

    fn record(&mut self, detected: &Detected) {
        let model = &detected.model.id;
        if self.latency.as_ref().is_none_or(|(of, _)| of != model) {
            let latency = self.recorder.histogram(&DETECTION_LATENCY, &[model, "total"]);
            self.latency = Some((model.clone(), latency));
        }
        if let Some((_, latency)) = &self.latency {
            latency.observe_duration(detected.timings.total);
        }
    }
}
