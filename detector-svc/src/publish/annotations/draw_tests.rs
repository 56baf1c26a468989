//! Annotated frames are frames of a camera again.
#![expect(clippy::unwrap_used, reason = "tests")]

use crossbeam_channel::bounded;
use vision_metrics_client::Recorder;

use super::*;
use crate::{
    frame::{FrameId, StreamId},
    image::Image,
    pipeline::fixture,
    source::redis::entry::{Fields, parse},
};

#[test]
fn an_entry_can_be_read_as_a_frame_and_keeps_its_metadata() {
    let (to_draw, frames) = bounded(1);
    let (entries, mut drawn) = mpsc::channel(1);
    let metrics = AnnotationMetrics::new(&Recorder::disabled());
    let frame = FrameOrigin {
        stream: StreamId::new("cam"),
        id: FrameId { milliseconds: 12, sequence: 3 },
        captured: Duration::from_millis(1500),
        robot_pose: None,
        metadata: Bytes::from_static(br#"{"robot": "r1", "frame_id": 7, "is_moving": false}"#),
        lease: None,
    };
    let image = Image { width: 32, height: 16, pixels: vec![90; 32 * 16 * 3] };
    to_draw.send(ToAnnotate { frame, image, detected: fixture::detected(&[]) }).unwrap();
    drop(to_draw);
    Draughtsman::new(frames, entries, metrics).run();
    let AnnotatedEntry(fields) = drawn.try_recv().unwrap();
    let fields: Fields = fields.into_iter().map(|(k, v)| (k.as_bytes().to_vec(), Bytes::from(v))).collect();
    let again = parse(&StreamId::new("annotated_camera"), "20-0", &fields).unwrap();
    assert_eq!(again.captured, Duration::from_millis(1500));
    let metadata: Value = serde_json::from_slice(&again.metadata.json).unwrap();
    let expected = serde_json::json!({
        "robot": "r1", "is_moving": false, "frame_id": "12-3", "source_stream": "cam", "annotated": true,
        "detection_count": 0, "model_id": "pets",
    });
    assert_eq!(metadata, expected);
}
