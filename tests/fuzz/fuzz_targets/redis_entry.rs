//! Entries of a camera stream: each is a frame or an error that names the field, and a frame's image decodes or not.
#![no_main]

use bytes::Bytes;
use detector_svc::{
    frame::StreamId,
    image::{ColorOrder, Limits, decode},
    source::redis::entry,
};
use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Input {
    id: Option<String>,
    fields: Vec<(u8, Vec<u8>)>,
    other: Vec<(Vec<u8>, Vec<u8>)>,
}

const NAMES: [&str; 9] =
    ["timestamp", "image_data", "format", "width", "height", "channels", "dtype", "metadata", "encoding"];

fuzz_target!(|input: Input| {
    let named = input.fields.into_iter().map(|(name, value)| {
        (NAMES[usize::from(name) % NAMES.len()].as_bytes().to_vec(), Bytes::from(value))
    });
    let other = input.other.into_iter().map(|(name, value)| (name, Bytes::from(value)));
    let fields: entry::Fields = other.chain(named).collect();
    let id = input.id.as_deref().unwrap_or("1732280000123-7");
    match entry::parse(&StreamId::new("robot_camera"), id, &fields) {
        Ok(frame) => {
            drop(decode(&frame.payload, ColorOrder::Bgr, Limits { max_side: 256, max_pixels: 65_536 }))
        }
        Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
    }
});
