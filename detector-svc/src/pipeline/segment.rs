//! Masks for what was found, by a second model where the first makes none: on a thread of its own, one image after the
//! other, so that a stream's results stay in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use vision_metrics::catalogue::{
    ERRORS, PIPELINE_STAGE_DURATION, QUEUE_WAIT_DURATION, SEGMENTATION_DURATION, SEGMENTATION_OPERATIONS,
};
use vision_metrics_client::{Histogram, Recorder};
use vision_service::rate_limit::OncePer;

use super::{
    deliver::{Delivery, Found},
    job::{Detected, Origin},
};
use crate::{
    detection::BoundingBox,
    image::Image,
    inference::{SegmentError, Segmenter},
};

/// Lets one log line a second tell of images that were not segmented.
static FAILURES: OncePer = OncePer::new(Duration::from_secs(1));

/// An image whose masks are wanted, and since when it waits.
pub(super) type Waiting = (Found, Instant);

/// The way into the stage.
#[derive(Debug)]
pub(super) struct ToSegment {
    pub(super) queue: Sender<Waiting>,
    /// How many wait in it.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// The thread that segments.
pub(super) struct SegmentStage {
    pub(super) segmenter: Box<dyn Segmenter>,
    /// Most objects of an image that masks are made for.
    pub(super) max_boxes: usize,
    /// Whether the images of streams' frames are wanted afterwards.
    pub(super) keep_images: bool,
    pub(super) queue: Receiver<Waiting>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) delivery: Delivery,
    pub(super) metrics: SegmentMetrics,
}

/// What is recorded of the stage.
#[derive(Debug)]
pub(super) struct SegmentMetrics {
    recorder: Recorder,
    wait: Histogram,
    stage: Histogram,
    duration: Histogram,
}

impl ToSegment {
    /// Takes an image whose masks are wanted; waits while there is no room.
    pub(super) fn put(&self, found: Found) {
        self.waiting.fetch_add(1, Relaxed);
        // The stage outlives what feeds it; were it gone, the ledger would see the frame dropped.
        if self.queue.send((found, Instant::now())).is_err() {
            self.waiting.fetch_sub(1, Relaxed);
        }
    }
}

impl SegmentStage {
    /// Works until no more images come.
    pub(super) fn run(mut self) {
        while let Ok((found, since)) = self.queue.recv() {
            self.waiting.fetch_sub(1, Relaxed);
            self.take(found, since);
        }
    }

    fn take(&mut self, mut found: Found, since: Instant) {
        let started = Instant::now();
        let wait = started - since;
        self.metrics.wait.observe_duration(wait);
        // A model that took over meanwhile may make masks itself, and a caller may have gone.
        if !found.detected.model.has_masks() && !has_gone(&found.origin) {
            found.detected.timings.segment = self.segment(&mut found, started);
        }
        let timings = &mut found.detected.timings;
        timings.queue += wait;
        timings.total = found.received.elapsed();
        if !self.keep_images {
            found.image = None;
        }
        self.delivery.hand_over(found);
    }

    /// Makes the masks of an image; tells how long that took, if anything was to be done and was done. An image that
    /// cannot be segmented keeps its detections.
    fn segment(&mut self, found: &mut Found, started: Instant) -> Option<Duration> {
        let detected = &mut found.detected;
        let boxes: Vec<BoundingBox> =
            detected.detections.iter().take(self.max_boxes).map(|found| found.bounding_box).collect();
        let keep = self.keep_images && matches!(found.origin, Origin::Stream(_));
        let image = if keep { found.image.clone() } else { found.image.take() };
        let Some(mut image) = image.filter(|_| !boxes.is_empty()) else {
            operation(&self.metrics.recorder, &detected.model.id, true);
            return None;
        };
        let outcome = self.masks(&mut image, &boxes, detected);
        let took = started.elapsed();
        operation(&self.metrics.recorder, &detected.model.id, outcome.is_ok());
        match outcome {
            Ok(()) => {
                self.metrics.made(took);
                Some(took)
            }
            Err(error) => {
                self.metrics.failed(&error, self.segmenter.name(), started);
                None
            }
        }
    }

    fn masks(
        &mut self,
        image: &mut Image,
        boxes: &[BoundingBox],
        detected: &mut Detected,
    ) -> Result<(), SegmentError> {
        let masks = self.segmenter.segment(image, boxes)?;
        for (detection, mask) in detected.detections.iter_mut().zip(masks) {
            detection.mask = mask;
        }
        Ok(())
    }
}

impl SegmentMetrics {
    pub(super) fn new(recorder: &Recorder, segmenter: &dyn Segmenter) -> Self {
        Self {
            wait: recorder.histogram(&QUEUE_WAIT_DURATION, &["segment"]),
            stage: recorder.histogram(&PIPELINE_STAGE_DURATION, &["segment"]),
            duration: recorder.histogram(&SEGMENTATION_DURATION, &[segmenter.name()]),
            recorder: recorder.clone(),
        }
    }

    fn made(&self, took: Duration) {
        self.stage.observe_duration(took);
        self.duration.observe_duration(took);
    }

    fn failed(&self, error: &SegmentError, segmenter: &str, now: Instant) {
        self.recorder.counter(&ERRORS, &["segmenter", error.kind()]).inc();
        if let Some(suppressed) = FAILURES.pass(now) {
            tracing::error!(%error, segmenter, suppressed, "an image has no masks");
        }
    }
}

/// Counts an image whose masks were wanted, by whether they could be made.
pub(super) fn operation(recorder: &Recorder, model: &str, success: bool) {
    let status = if success { "success" } else { "failure" };
    recorder.counter(&SEGMENTATION_OPERATIONS, &[model, status]).inc();
}

/// Whether nobody waits for the answer any more.
fn has_gone(origin: &Origin) -> bool {
    matches!(origin, Origin::Request(request) if request.reply.is_closed())
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
