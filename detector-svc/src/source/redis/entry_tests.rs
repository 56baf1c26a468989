//! Entries as publishers write them, and as they should not.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const GOOD: [(&str, &str); 8] = [
    ("timestamp", "1732280000.25"),
    ("image_data", "AAAA"),
    ("format", "raw"),
    ("width", "4"),
    ("height", "2"),
    ("channels", "3"),
    ("dtype", "uint8"),
    ("metadata", r#"{"robot": "r1", "robot_pose": {"x": 0.5, "yaw": 1}, "is_moving": false}"#),
];

fn with(changes: &[(&str, Option<&str>)]) -> Result<Frame, EntryError> {
    let bytes = |value: &str| Bytes::copy_from_slice(value.as_bytes());
    let mut fields: Fields = GOOD.iter().map(|(k, v)| (k.as_bytes().to_vec(), bytes(v))).collect();
    for (field, value) in changes {
        match value {
            Some(value) => fields.insert(field.as_bytes().to_vec(), bytes(value)),
            None => fields.remove(field.as_bytes()),
        };
    }
    parse(&StreamId::new("robot_camera"), "1732280000123-7", &fields)
}

#[test]
fn a_raw_frame_of_the_python_publisher() {
    let frame = with(&[]).unwrap();
    assert_eq!(frame.captured, Duration::from_millis(1_732_280_000_250));
    assert_eq!(frame.id.to_string(), "1732280000123-7");
    assert!(frame.payload.base64);
    let raw = Encoding::Raw { width: 4, height: 2, layout: RawLayout::Bgr };
    assert_eq!(frame.payload.encoding, raw);
    assert_eq!(frame.metadata.robot_pose.unwrap()["x"], 0.5);
}

#[test]
fn what_may_be_absent_may_be_absent() {
    let frame = with(&[("timestamp", None), ("metadata", None), ("dtype", None)]).unwrap();
    assert_eq!(frame.captured, Duration::from_millis(1_732_280_000_123));
    assert!(frame.metadata.robot_pose.is_none());
    let nothing = with(&[("metadata", Some("null"))]).unwrap();
    assert!(nothing.metadata.robot_pose.is_none());
    let jpeg = with(&[("format", Some("jpeg")), ("width", None), ("height", None), ("channels", None)]);
    assert_eq!(jpeg.unwrap().payload.encoding, Encoding::File(FileFormat::Jpeg));
}

#[test]
fn binary_payloads_of_every_format() {
    for format in FileFormat::ALL {
        let frame = with(&[("format", Some(format.as_str())), ("encoding", Some("binary"))]).unwrap();
        assert_eq!((frame.payload.encoding, frame.payload.base64), (Encoding::File(format), false));
    }
}

#[test]
fn a_field_that_breaks_the_format_is_named_with_its_value() {
    for (field, value) in [
        ("format", "bmp"),
        ("encoding", "hex"),
        ("dtype", "float32"),
        ("width", "0"),
        ("width", "-4"),
        ("height", "10001"),
        ("height", "4.5"),
        ("channels", "2"),
        ("channels", "99999999999999999999"),
        ("timestamp", "yesterday"),
        ("timestamp", "-1"),
        ("timestamp", "NaN"),
        ("timestamp", "1e300"),
        ("metadata", "{"),
        ("metadata", "[]"),
        ("metadata", r#"{"robot_pose": 3}"#),
    ] {
        let error = with(&[(field, Some(value))]).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains(&value.escape_debug().to_string()), "{error}");
    }
    for field in ["image_data", "format", "width", "height", "channels"] {
        assert_eq!(with(&[(field, None)]).unwrap_err(), EntryError::Missing(field));
    }
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    for field in ["format", "metadata"] {
        let error = with(&[(field, Some(&format!("\"{}\"", "x".repeat(100_000))))]).unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }
}

#[test]
fn movement_and_priority_are_read_leniently() {
    let read = |metadata: &str| with(&[("metadata", Some(metadata))]).unwrap().metadata;
    for moving in [r#"{"is_moving": true}"#, r#"{"robot_moving": 1}"#, r#"{"camera_moving": 0.5}"#] {
        assert!(read(moving).moving, "{moving}");
    }
    for still in ["{}", r#"{"is_moving": false, "robot_moving": 0, "camera_moving": "no"}"#] {
        assert!(!read(still).moving, "{still}");
    }
    for (priority, expected) in [("5", 5), ("2.9", 2), ("-1", -1), ("\"high\"", 0), ("1e300", i64::MAX)] {
        let metadata = format!(r#"{{"priority": {priority}}}"#);
        assert_eq!(read(&metadata).priority, expected);
    }
    assert_eq!(&read(r#"{"a": [1]}"#).json[..], br#"{"a": [1]}"#);
}
