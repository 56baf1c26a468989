//! What the segmenter makes of images, in which order, and what becomes of those that it fails.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::thread;

use bytes::Bytes;
use crossbeam_channel::bounded;
use tokio::sync::{mpsc, oneshot};
use vision_metrics::Registry;

use super::*;
use crate::{
    detection::Detection,
    frame::{FrameId, StreamId},
    ledger::Ledger,
    mask::{Mask, Region},
    model::{OutputError, Thresholds},
    pipeline::{
        FrameOrigin, FrameResult, fixture,
        job::{DetectError, Request},
    },
};

const THRESHOLDS: Thresholds = Thresholds { confidence: 0.3, iou: 0.6, text: 0.0, max_detections: 10 };

/// Gives each box a mask of its whole pixels; fails for images of one column.
struct Boxy;

impl Segmenter for Boxy {
    fn name(&self) -> &'static str {
        "boxy"
    }

    fn segment(
        &mut self,
        image: &mut Image,
        boxes: &[BoundingBox],
    ) -> Result<Vec<Option<Mask>>, SegmentError> {
        let (width, height) = (image.width, image.height);
        if width == 1 {
            return Err(OutputError::NotANumber("masks".to_owned()).into());
        }
        image.pixels.clear();
        let mask = |bounds: &BoundingBox| {
            let region = Region::around(bounds, width, height);
            let pixels = vec![true; (region.width * region.height) as usize].into();
            Some(Mask { width, height, region, pixels })
        };
        Ok(boxes.iter().map(mask).collect())
    }
}

struct Fixture {
    registry: Arc<Registry>,
    ledger: Ledger,
    results: mpsc::Receiver<FrameResult>,
    stage: SegmentStage,
    to_segment: ToSegment,
}

impl Fixture {
    fn new() -> Self {
        let registry = Arc::new(Registry::new(""));
        let recorder = Recorder::local(Arc::clone(&registry));
        let (results_tx, results) = mpsc::channel(16);
        let (sender, queue) = bounded(1);
        let waiting: Arc<AtomicUsize> = Arc::default();
        let stage = SegmentStage {
            segmenter: Box::new(Boxy),
            max_boxes: 2,
            keep_images: false,
            queue,
            waiting: Arc::clone(&waiting),
            delivery: Delivery::new(results_tx, &recorder),
            metrics: SegmentMetrics::new(&recorder, &Boxy),
        };
        let ledger = Ledger::new(&Recorder::disabled(), "pets", 0);
        Self { registry, ledger, results, stage, to_segment: ToSegment { queue: sender, waiting } }
    }

    /// An image in which so many objects were found.
    fn found(&self, origin: Origin, width: u32, objects: usize) -> Found {
        let detection = Detection {
            class_id: 0,
            confidence: 0.9,
            bounding_box: BoundingBox { x_min: 1.0, y_min: 1.0, x_max: 3.0, y_max: 3.0 },
            track_id: None,
            mask: None,
        };
        let detected = Detected { detections: vec![detection; objects], ..fixture::detected(&["cat"]) };
        let image = Image { width, height: 8, pixels: vec![0; width as usize * 8 * 3] };
        Found {
            origin,
            ticket: self.ledger.receive(&StreamId::new("a"), None),
            image: Some(image),
            received: Instant::now(),
            detected,
        }
    }

    fn frame(&self, stream: &str, number: u64, width: u32, objects: usize) -> Found {
        let origin = FrameOrigin {
            stream: StreamId::new(stream),
            id: FrameId { milliseconds: number, sequence: 0 },
            captured: Duration::ZERO,
            robot_pose: None,
            metadata: Bytes::new(),
            lease: None,
        };
        self.found(Origin::Stream(origin), width, objects)
    }

    fn request(&self) -> (Found, oneshot::Receiver<Result<Detected, DetectError>>) {
        let (reply, answer) = oneshot::channel();
        let search = fixture::search();
        let request = Request { thresholds: THRESHOLDS, search, masks: true, session: None, reply };
        (self.found(Origin::Request(request), 8, 1), answer)
    }

    fn operations(&self, status: &str) -> Option<f64> {
        self.registry.get_value(SEGMENTATION_OPERATIONS.name, &["pets", status]).unwrap_or_default()
    }

    fn segmented(&self) -> u64 {
        let statistics = self.registry.get_statistics(SEGMENTATION_DURATION.name, &["boxy"], Duration::ZERO);
        statistics.unwrap_or_default().map_or(0, |statistics| statistics.count)
    }
}

fn masks(detected: &Detected) -> Vec<Option<usize>> {
    detected.detections.iter().map(|found| found.mask.as_ref().map(Mask::area)).collect()
}

#[test]
fn results_come_in_the_order_of_the_images_each_with_its_masks() {
    let mut fixture = Fixture::new();
    let frames: Vec<_> = (0..6).map(|number| fixture.frame("a", number, 8, number as usize % 3)).collect();
    let stage = fixture.stage;
    let thread = thread::spawn(|| stage.run());
    for frame in frames {
        fixture.to_segment.put(frame);
    }
    drop(fixture.to_segment);
    thread.join().unwrap();
    for number in 0..6 {
        let FrameResult { frame, detected, image, .. } = fixture.results.try_recv().unwrap();
        assert_eq!(frame.id.milliseconds, number);
        assert_eq!(masks(&detected), vec![Some(4); number as usize % 3]);
        assert!(image.is_none(), "it was kept for the segmenter alone");
        assert_eq!(detected.timings.segment.is_some(), number % 3 > 0);
    }
    assert!(fixture.results.try_recv().is_err());
}

#[test]
fn the_most_confident_objects_have_masks() {
    let mut fixture = Fixture::new();
    let frame = fixture.frame("a", 1, 8, 3);
    fixture.stage.take(frame, Instant::now());
    let detected = fixture.results.try_recv().unwrap().detected;
    assert_eq!(masks(&detected), [Some(4), Some(4), None]);
}

#[test]
fn an_image_that_cannot_be_segmented_keeps_its_detections() {
    let mut fixture = Fixture::new();
    for (number, width) in [(0, 1), (1, 8), (2, 8)] {
        let frame = fixture.frame("a", number, width, usize::from(number < 2));
        fixture.stage.take(frame, Instant::now());
    }
    let failed = fixture.results.try_recv().unwrap().detected;
    assert_eq!((masks(&failed), failed.timings.segment), (vec![None], None));
    let next = fixture.results.try_recv().unwrap().detected;
    assert_eq!(masks(&next), [Some(4)]);
    assert!(next.timings.total >= next.timings.segment.unwrap());
    assert_eq!(fixture.operations("failure"), Some(1.0));
    assert_eq!(fixture.operations("success"), Some(2.0), "one had nothing in it");
    assert_eq!(fixture.segmented(), 1);
    let errors = fixture.registry.get_value(ERRORS.name, &["segmenter", "outputs"]);
    assert_eq!(errors, Ok(Some(1.0)));
}

#[test]
fn an_image_that_is_to_be_shown_keeps_its_pixels() {
    let mut fixture = Fixture::new();
    fixture.stage.keep_images = true;
    let frame = fixture.frame("a", 1, 8, 1);
    fixture.stage.take(frame, Instant::now());
    let FrameResult { detected, image, .. } = fixture.results.try_recv().unwrap();
    assert_eq!((masks(&detected), image.unwrap().pixels.len()), (vec![Some(4)], 8 * 8 * 3));
}

#[test]
fn a_caller_gets_masks_and_one_who_has_gone_costs_none() {
    let mut fixture = Fixture::new();
    let (found, answer) = fixture.request();
    fixture.stage.take(found, Instant::now());
    assert_eq!(masks(&answer.blocking_recv().unwrap().unwrap()), [Some(4)]);
    let (found, answer) = fixture.request();
    drop(answer);
    fixture.stage.take(found, Instant::now());
    assert_eq!((fixture.operations("success"), fixture.segmented()), (Some(1.0), 1));
}

/// Through the whole pipeline, with the model that is part of the program: needs ONNX Runtime where `make` puts it.
mod through_the_pipeline {
    use super::*;
    use crate::{
        frame::{Encoding, FileFormat, Frame, Metadata, Payload},
        inference::{LoadedModel, ModelSource, RuntimeSettings},
        model::{ClassSet, ModelOptions},
        pipeline::{DetectRequest, Models, Pipeline, PipelineHandle, PipelineSettings, Search},
        segment::SegmenterSettings,
    };

    fn start(settings: &PipelineSettings) -> (Pipeline, mpsc::Receiver<FrameResult>) {
        let options = ModelOptions::default();
        let detector =
            LoadedModel::load(&ModelSource::BuiltIn, &options, &RuntimeSettings::default()).unwrap();
        let (results_tx, results) = mpsc::channel(16);
        let models = Models { detector, segmenter: Some(Box::new(Boxy)) };
        let (recorder, ledger) = (Recorder::disabled(), Ledger::new(&Recorder::disabled(), "m", 0));
        let pipeline = Pipeline::start(models, settings, THRESHOLDS, ledger, &recorder, results_tx).unwrap();
        (pipeline, results)
    }

    fn jpeg() -> Bytes {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/frames/vtest/0000.jpg");
        std::fs::read(path).unwrap().into()
    }

    async fn detect(handle: &PipelineHandle, masks: bool) -> Detected {
        let served = handle.served();
        let search = Search { vocabulary: served.vocabulary(), served, classes: ClassSet::all() };
        let thresholds = THRESHOLDS;
        let request =
            DetectRequest { image: jpeg(), thresholds, search, masks, session: None, deadline: None };
        handle.detect(request).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn callers_and_streams_have_masks_where_they_are_wanted() {
        let segmenter = SegmenterSettings { max_boxes: 2, ..SegmenterSettings::default() };
        let settings = PipelineSettings { masks: true, segmenter, ..PipelineSettings::default() };
        let (pipeline, mut results) = start(&settings);
        let handle = pipeline.handle();
        assert!(handle.makes_masks(&handle.served()));
        let masked = detect(&handle, true).await;
        let areas = masks(&masked);
        assert!(areas.len() > 2 && areas[..2].iter().all(Option::is_some) && areas[2].is_none(), "{areas:?}");
        let plain = detect(&handle, false).await;
        assert!(plain.detections.iter().all(|found| found.mask.is_none()));
        assert_eq!(plain.timings.segment, None);
        let payload = Payload { bytes: jpeg(), base64: false, encoding: Encoding::File(FileFormat::Jpeg) };
        handle.offer(Frame {
            stream: StreamId::new("a"),
            id: FrameId { milliseconds: 1, sequence: 0 },
            captured: Duration::ZERO,
            payload,
            metadata: Metadata::default(),
            lease: None,
            receipt: None,
        });
        let FrameResult { detected, image, ticket, .. } = results.recv().await.unwrap();
        ticket.processed();
        assert!(detected.timings.segment.is_some() && masks(&detected)[0].is_some());
        assert!(image.is_none(), "nobody wants to see it");
        tokio::task::spawn_blocking(|| pipeline.shut_down()).await.unwrap();
        assert!(results.recv().await.is_none(), "every thread has ended");
    }
}
