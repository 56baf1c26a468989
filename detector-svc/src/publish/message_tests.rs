//! Entries, field by field.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use serde_json::{Value, json as value};

use base64_simd::STANDARD;
use bytes::Bytes;

use super::*;
use crate::{
    frame::{FrameId, StreamId},
    mask::Region,
    model,
    pipeline::fixture,
};

fn entry(pose: Option<Value>) -> HashMap<&'static str, String> {
    entry_of(pose, None)
}

fn entry_of(pose: Option<Value>, mask: Option<Mask>) -> HashMap<&'static str, String> {
    let frame = FrameOrigin {
        stream: StreamId::new("robot_camera"),
        id: FrameId { milliseconds: 1_732_280_000_123, sequence: 4 },
        captured: Duration::from_millis(1_732_280_000_120),
        robot_pose: pose.map(|pose| serde_json::from_value(pose).unwrap()),
        metadata: Bytes::new(),
        lease: None,
    };
    let bounding_box = BoundingBox { x_min: 616.6, y_min: 263.4, x_max: 652.0, y_max: 368.5 };
    let detection = Detection { class_id: 1, confidence: 0.82, bounding_box, track_id: None, mask };
    let detections = vec![detection.clone(), Detection { class_id: 0, mask: None, ..detection }];
    let detected = Detected { detections, ..fixture::detected(&["cat", "dog"]) };
    objects(&frame, &detected, Duration::from_secs(1_732_280_001)).into_iter().collect()
}

#[test]
fn an_object_has_the_keys_of_both_readers() {
    let objects: Value = serde_json::from_str(&entry(None)["objects"]).unwrap();
    let expected = value!({
        "id": "dog_u0", "class_name": "dog", "label": "dog", "confidence": 0.82,
        "bbox": {"x_min": 617, "y_min": 263, "x_max": 652, "y_max": 369},
        "has_mask": false, "timestamp": 1_732_280_000.12,
    });
    assert_eq!(objects[0], expected);
    assert_eq!(objects[1]["id"], "cat_u1");
}

#[test]
fn a_mask_is_a_byte_for_each_pixel_of_the_image() {
    let region = Region { x: 1, y: 0, width: 1, height: 2 };
    let mask = Mask { width: 3, height: 2, region, pixels: [true, false].into() };
    let objects: Value = serde_json::from_str(&entry_of(None, Some(mask))["objects"]).unwrap();
    let bytes = STANDARD.decode_to_vec(objects[0]["mask_data"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, [0, 255, 0, 0, 0, 0]);
    assert_eq!((&objects[0]["has_mask"], &objects[0]["mask_shape"]), (&value!(true), &value!([2, 3])));
    assert_eq!(objects[0]["mask_dtype"], "uint8");
    assert_eq!((&objects[1]["has_mask"], objects[1].get("mask_data")), (&value!(false), None));
}

#[test]
fn an_entry_tells_which_frame_it_is_of() {
    let fields = entry(Some(value!({"x": 0.1, "yaw": -1})));
    for (field, expected) in [
        ("timestamp", "1732280001"),
        ("camera_pose", r#"{"x":0.1,"yaw":-1}"#),
        ("frame_id", "1732280000123-4"),
        ("source_stream", "robot_camera"),
        ("capture_timestamp", "1732280000.12"),
        ("model_id", "pets"),
        ("image_width", "768"),
        ("image_height", "576"),
    ] {
        assert_eq!(fields[field], expected, "{field}");
    }
    assert_eq!(entry(None)["camera_pose"], "{}");
}

#[test]
fn labels_are_listed_and_counted() {
    let model = model::fixture::model(&["cat", "dog"]);
    let fields: HashMap<_, _> = labels(&model, model.labels(), Duration::from_secs(7)).into_iter().collect();
    assert_eq!((fields["labels"].as_str(), fields["label_count"].as_str()), (r#"["cat","dog"]"#, "2"));
    let metadata: Value = serde_json::from_str(&fields["metadata"]).unwrap();
    assert_eq!(metadata, value!({"model_id": "pets", "source": "detector-svc"}));
}
