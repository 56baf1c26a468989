//! From a run's outputs to detections with identities, and on to whoever waits for them, or to have masks made.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use vision_service::rate_limit::OncePer;

use super::{
    DetectError,
    batcher::{Item, Stamps},
    deliver::{Delivery, Found},
    in_order::InOrder,
    infer::Inferred,
    job::{Detected, Origin, Timings},
    metrics::PipelineMetrics,
    segment::ToSegment,
    served::Served,
    tracking::Tracking,
};
use crate::{
    detection::Detection,
    frame::StreamId,
    inference::InferenceError,
    ledger::Failure,
    model::{
        ClassSet, ImageOutputs, MAX_MASKS, MasksWanted, OutputError, Query, Scratch, Thresholds, Vocabulary,
    },
    preprocess::Letterbox,
    spare::Spare,
};

/// Lets one log line a second tell of runs that failed.
static FAILED_RUNS: OncePer = OncePer::new(Duration::from_secs(1));
/// Lets one log line a second tell of outputs that are none.
static BAD_OUTPUTS: OncePer = OncePer::new(Duration::from_secs(1));

/// What a stream's frames are searched for.
static EVERY_CLASS: ClassSet = ClassSet::all();

/// How often silent streams are looked after.
const SWEEP: Duration = Duration::from_secs(1);

/// Reads outputs in the order of the batches, so that a stream's results stay in order.
pub(super) struct Finisher {
    pub(super) thresholds: Thresholds,
    /// Whether masks are made for the frames of streams.
    pub(super) masks: bool,
    /// Most objects of a frame that the model makes masks for.
    pub(super) max_masks: usize,
    pub(super) inferred: Receiver<Inferred>,
    pub(super) in_order: InOrder,
    /// Streams that have ended.
    pub(super) ended_streams: Receiver<StreamId>,
    /// `None` when nothing is tracked.
    pub(super) tracking: Option<Tracking>,
    pub(super) delivery: Delivery,
    /// Where results go whose masks are wanted; `None` without a segmenter.
    pub(super) segmenting: Option<ToSegment>,
    pub(super) metrics: PipelineMetrics,
    pub(super) scratch: Scratch,
    /// Room for detections, given back by those who have used it.
    pub(super) spare: Spare<Detection>,
    /// Room for the images of a batch, which the batcher takes again.
    pub(super) spare_items: Spare<Item>,
    /// Room for what tells where the images of a batch lie.
    pub(super) spare_letterboxes: Spare<Letterbox>,
}

impl Finisher {
    /// Works until no more batches come.
    pub(super) fn run(mut self) {
        let mut swept = Instant::now();
        loop {
            let inferred = self.inferred.recv_timeout(SWEEP);
            self.look_after_streams(&mut swept);
            match inferred {
                Ok(inferred) => self.take(inferred),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(tracking) = &mut self.tracking {
            tracking.finish();
        }
    }

    /// Ends the tracks of streams that have ended, before a frame of one that has begun again; and looks after those that
    /// are silent, of which some only had frames in flight when they ended.
    fn look_after_streams(&mut self, swept: &mut Instant) {
        let ended = self.ended_streams.try_iter();
        let Some(tracking) = &mut self.tracking else {
            return ended.for_each(drop);
        };
        ended.for_each(|stream| tracking.end_stream(&stream));
        let now = Instant::now();
        if now.duration_since(*swept) >= SWEEP {
            tracking.sweep(now);
            *swept = now;
        }
    }

    fn take(&mut self, inferred: Inferred) {
        let mut in_order = std::mem::take(&mut self.in_order);
        in_order.put(inferred).for_each(|inferred| self.batch(inferred));
        self.in_order = in_order;
    }

    fn batch(&mut self, inferred: Inferred) {
        self.metrics.batch(&inferred);
        let Inferred { served, vocabulary, outcome, mut items, letterboxes, started, ended, .. } = inferred;
        match outcome {
            Ok(outputs) => {
                let (outputs, batch_size) = (outputs.view(), items.len());
                for (index, (item, letterbox)) in items.drain(..).zip(&letterboxes).enumerate() {
                    let outputs = ImageOutputs {
                        outputs: &outputs,
                        index,
                        letterbox,
                        input: served.model.input.size(),
                    };
                    let run =
                        Run { served: &served, vocabulary: &vocabulary, outputs, started, ended, batch_size };
                    self.finish(item, &run);
                }
            }
            Err(error) => fail(&mut items, &error),
        }
        self.spare_items.give_back(items);
        self.spare_letterboxes.give_back(letterboxes);
    }

    fn finish(&mut self, item: Item, run: &Run<'_>) {
        let (begun, masks) = (Instant::now(), item.origin.wants_masks(self.masks));
        let outcome = self.postprocess(&item, run, masks);
        if masks && run.served.model.has_masks() {
            self.metrics.masks(outcome.is_ok());
        }
        let mut detections = match outcome {
            Ok(detections) => detections,
            Err(error) => return refuse(item, run, &error),
        };
        let read = Instant::now();
        let tracked = self.track(&item, &mut detections, run.vocabulary, read);
        let (width, height) = run.outputs.letterbox.source_size();
        let detected = Detected {
            model: Arc::clone(&run.served.model),
            vocabulary: Arc::clone(run.vocabulary),
            detections,
            width,
            height,
            timings: run.timings(&item.stamps, begun, read, tracked),
        };
        self.metrics.image(&item.stamps, &detected);
        let Item { origin, ticket, image, stamps } = item;
        let found = Found { origin, ticket, image, received: stamps.received, detected };
        match &self.segmenting {
            Some(segmenting) if masks => segmenting.put(found),
            _ => self.delivery.hand_over(found),
        }
    }

    fn postprocess(
        &mut self,
        item: &Item,
        run: &Run<'_>,
        masks: bool,
    ) -> Result<Vec<Detection>, OutputError> {
        let (asked, classes) = asked(item, &self.thresholds);
        let most = if item.origin.is_callers() { MAX_MASKS } else { self.max_masks };
        let masks = masks.then_some(MasksWanted { above: asked.confidence, most });
        let mut query = Query { thresholds: *asked, classes, vocabulary: run.vocabulary, masks };
        if let Some(tracking) = self.tracking.as_ref().filter(|_| is_tracked(&item.origin)) {
            query.thresholds.confidence = asked.confidence.min(tracking.least_score());
        }
        let mut found = self.spare.take();
        let scratch = &mut self.scratch;
        run.served.model.postprocess(&run.outputs, &query, scratch, &mut found)?;
        Ok(found)
    }

    /// Gives objects their identities, then leaves out what only the tracker wanted to know; tells when that was done,
    /// if it was.
    fn track(
        &mut self,
        item: &Item,
        detections: &mut Vec<Detection>,
        vocabulary: &Arc<Vocabulary>,
        now: Instant,
    ) -> Option<Instant> {
        let least = asked(item, &self.thresholds).0.confidence;
        let tracking = self.tracking.as_mut().filter(|_| is_tracked(&item.origin))?;
        match &item.origin {
            Origin::Stream(frame) => tracking.frame(frame, detections, vocabulary, now),
            Origin::Request(request) => {
                let session = request.session.as_ref()?;
                tracking.image(session, detections, vocabulary, item.stamps.received, now);
            }
        }
        detections.retain(|detection| detection.confidence > least);
        Some(Instant::now())
    }
}

/// What the image is searched for; a frame of a stream as the settings say.
fn asked<'a>(item: &'a Item, settings: &'a Thresholds) -> (&'a Thresholds, &'a ClassSet) {
    match &item.origin {
        Origin::Request(request) => (&request.thresholds, &request.search.classes),
        Origin::Stream(_) => (settings, &EVERY_CLASS),
    }
}

/// Whether objects keep their identity from one image to the next.
fn is_tracked(origin: &Origin) -> bool {
    match origin {
        Origin::Stream(_) => true,
        Origin::Request(request) => request.session.is_some(),
    }
}

/// Fails an image whose outputs cannot be read.
fn refuse(item: Item, run: &Run<'_>, error: &OutputError) {
    if let Some(suppressed) = BAD_OUTPUTS.pass(Instant::now()) {
        tracing::error!(%error, model = run.served.model.id, suppressed, "outputs cannot be read");
    }
    let error = DetectError::Inference(error.to_string());
    item.origin.fail(item.ticket, Failure::Inference, error);
}

/// Fails every image of a run that failed.
fn fail(items: &mut Vec<Item>, error: &InferenceError) {
    if let Some(suppressed) = FAILED_RUNS.pass(Instant::now()) {
        tracing::error!(%error, images = items.len(), suppressed, "inference failed");
    }
    for Item { origin, ticket, .. } in items.drain(..) {
        origin.fail(ticket, Failure::Inference, DetectError::Inference(error.to_string()));
    }
}

/// One image's part of a run.
struct Run<'a> {
    served: &'a Served,
    vocabulary: &'a Arc<Vocabulary>,
    outputs: ImageOutputs<'a>,
    started: Instant,
    ended: Instant,
    batch_size: usize,
}

impl Run<'_> {
    /// Timings of an image whose outputs were read from `begun` to `read`, and tracked until `tracked`.
    fn timings(&self, stamps: &Stamps, begun: Instant, read: Instant, tracked: Option<Instant>) -> Timings {
        let decode = stamps.decoded - stamps.decode_started;
        let preprocess = (stamps.prepared - stamps.decoded) + stamps.normalise;
        let inference = self.ended - self.started;
        let postprocess = read - begun;
        let track = tracked.map(|tracked| tracked - read);
        let total = tracked.unwrap_or(read) - stamps.received;
        let busy: Duration = decode + preprocess + inference + postprocess + track.unwrap_or_default();
        let queue = total.saturating_sub(busy);
        let batch_size = self.batch_size;
        let segment = None;
        Timings { decode, preprocess, queue, inference, postprocess, track, segment, total, batch_size }
    }
}
