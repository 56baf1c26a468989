//! Files of the journal: what is read is what a writer of the same entries would have written, up to a place that is
//! told; behind it nothing is believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use metrics_svc::storage::{FrameReader, ReadError, SegmentReader, append_frame};

const NUMBER: u64 = 1;

/// Frames at the start of anything, framed anew.
fn check_frames(data: &[u8]) {
    let (mut reader, mut again) = (FrameReader::new(data, 0), Vec::new());
    let end = loop {
        match reader.read() {
            Ok(Some(payload)) => append_frame(&mut again, [payload].into_iter()).expect("it was read"),
            Ok(None) => break data.len() as u64,
            Err(ReadError::Damaged(damage)) => break damage.offset,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(again.len() as u64, end);
    assert_eq!(again, data[..again.len()]);
}

/// Groups at the start of a segment: as much as is said to be whole is a sound segment by itself.
fn check_segment(data: &[u8]) {
    let Some((entries, whole)) = read_segment(data) else {
        return;
    };
    assert!(whole <= data.len());
    let (again, end) = read_segment(&data[..whole]).expect("a segment");
    assert_eq!(end, whole);
    assert_eq!(again, entries[..again.len()]);
}

/// The entries and where the last whole group ends.
fn read_segment(data: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut reader = SegmentReader::open(data, NUMBER).ok()?;
    let mut entries = Vec::new();
    while let Ok(Some(entry)) = reader.read() {
        entries.push(entry.to_vec());
    }
    Some((entries, reader.whole_end() as usize))
}

/// A segment whose frames are sound and have any payload, each with its length before it.
fn segment(mut payloads: &[u8]) -> Vec<u8> {
    let mut segment = b"VMetrJnl\x01\0\0\0".to_vec();
    segment.extend_from_slice(&NUMBER.to_le_bytes());
    while let Some((&length, rest)) = payloads.split_first() {
        let (payload, rest) = rest.split_at(usize::from(length).min(rest.len()));
        // None is no payload, and there is nothing to frame.
        append_frame(&mut segment, [payload].into_iter()).ok();
        payloads = rest;
    }
    segment
}

fuzz_target!(|data: &[u8]| {
    check_frames(data);
    check_segment(data);
    check_segment(&segment(data));
});
