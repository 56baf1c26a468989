//! The thread that draws: images in, entries in the format of a camera's frames out.

use std::time::{Duration, Instant};

use base64_simd::STANDARD;
use bytes::Bytes;
use crossbeam_channel::Receiver;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use vision_service::rate_limit::OncePer;

use super::{ToAnnotate, metrics::AnnotationMetrics};
use crate::{
    annotate::{AnnotateError, Annotator},
    frame::FileFormat,
    image::{CHANNELS, FASTEST_ORDER},
    pipeline::FrameOrigin,
};

/// Lets one log line a second tell of images that could not be drawn into.
static FAILURES: OncePer = OncePer::new(Duration::from_secs(1));

/// Fields of an entry.
pub(super) struct AnnotatedEntry(pub(super) Vec<(&'static str, String)>);

/// Draws detections into frames.
pub(super) struct Draughtsman {
    annotator: Annotator,
    frames: Receiver<ToAnnotate>,
    entries: mpsc::Sender<AnnotatedEntry>,
    metrics: AnnotationMetrics,
}

impl Draughtsman {
    pub(super) fn new(
        frames: Receiver<ToAnnotate>,
        entries: mpsc::Sender<AnnotatedEntry>,
        metrics: AnnotationMetrics,
    ) -> Self {
        Self { annotator: Annotator::new(), frames, entries, metrics }
    }

    /// Works until no more frames come, or nobody takes the entries.
    pub(super) fn run(mut self) {
        while let Ok(frame) = self.frames.recv() {
            let started = Instant::now();
            match self.draw(frame) {
                Ok(entry) => {
                    self.metrics.drawn(started.elapsed());
                    if self.entries.blocking_send(entry).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.metrics.failed("encode");
                    if let Some(suppressed) = FAILURES.pass(started) {
                        tracing::warn!(%error, suppressed, "failed to draw detections into a frame");
                    }
                }
            }
        }
    }

    fn draw(&mut self, frame: ToAnnotate) -> Result<AnnotatedEntry, AnnotateError> {
        let ToAnnotate { frame, mut image, detected } = frame;
        self.annotator.annotate(&mut image, FASTEST_ORDER, &detected.detections, &detected.vocabulary.labels);
        let file = self.annotator.encode(&image, FASTEST_ORDER)?;
        let original = image.width as usize * image.height as usize * CHANNELS;
        Ok(AnnotatedEntry(vec![
            ("timestamp", frame.captured.as_secs_f64().to_string()),
            ("image_data", STANDARD.encode_to_string(&file)),
            ("format", FileFormat::Jpeg.as_str().to_owned()),
            ("width", image.width.to_string()),
            ("height", image.height.to_string()),
            ("channels", CHANNELS.to_string()),
            ("dtype", "uint8".to_owned()),
            ("compressed_size", file.len().to_string()),
            ("original_size", original.to_string()),
            ("metadata", metadata(&frame, detected.detections.len(), &detected.model.id)),
        ]))
    }
}

/// The frame's own metadata, and what it is now.
fn metadata(frame: &FrameOrigin, detections: usize, model: &str) -> String {
    let mut entries = read(&frame.metadata);
    entries.insert("frame_id".to_owned(), frame.id.to_string().into());
    entries.insert("source_stream".to_owned(), frame.stream.as_str().into());
    entries.insert("annotated".to_owned(), true.into());
    entries.insert("detection_count".to_owned(), detections.into());
    entries.insert("model_id".to_owned(), model.into());
    Value::Object(entries).to_string()
}

/// What was read once as an object is one; without any there is nothing to pass on.
fn read(json: &Bytes) -> Map<String, Value> {
    serde_json::from_slice(json).unwrap_or_default()
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
