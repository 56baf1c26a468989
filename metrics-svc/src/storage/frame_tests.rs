#![expect(clippy::unwrap_used, reason = "tests")]

use std::iter;

use proptest::prelude::*;

use super::*;

fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        let (start, end) = payload.split_at(payload.len() / 2);
        append_frame(&mut bytes, [start, end].into_iter()).unwrap();
    }
    bytes
}

/// The payloads, and where and why reading stopped unless at the end.
fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<(u64, DamageReason)>) {
    let (mut reader, mut payloads) = (FrameReader::new(bytes, 0), Vec::new());
    loop {
        match reader.read() {
            Ok(Some(payload)) => payloads.push(payload.to_vec()),
            Ok(None) => return (payloads, None),
            Err(ReadError::Damaged(damage)) => return (payloads, Some((damage.offset, damage.reason))),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_frame_is_length_checksum_and_payload() {
    // The checksum as Python's zlib.crc32(b"\3\0\0\0abc") has it.
    let expected = [&[3, 0, 0, 0][..], &0x66e1_5d33_u32.to_le_bytes(), b"abc"].concat();
    assert_eq!(framed(&[b"abc".to_vec()]), expected);
}

#[test]
fn what_no_frame_can_have_is_refused() {
    let mut bytes = b"before".to_vec();
    assert_eq!(append_frame(&mut bytes, iter::empty()), Err(PayloadLengthError(0)));
    let half = vec![0; MAX_PAYLOAD_BYTES / 2 + 1];
    let parts = [&half[..], &half];
    assert_eq!(append_frame(&mut bytes, parts.into_iter()), Err(PayloadLengthError(2 * half.len())));
    assert_eq!(bytes, b"before");
}

#[test]
fn a_length_is_believed_only_when_the_bytes_are_there() {
    let mut bytes = (MAX_PAYLOAD_BYTES as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&[0; 10]);
    let mut reader = FrameReader::new(&bytes[..], 0);
    reader.read().unwrap_err();
    assert!(reader.payload.capacity() <= 2 * BUFFER_BYTES, "{}", reader.payload.capacity());
    for length in [0, MAX_PAYLOAD_BYTES as u32 + 1, u32::MAX] {
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(read(&bytes), (Vec::new(), Some((0, DamageReason::Length(length)))));
    }
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..8)
}

proptest! {
    #[test]
    fn whole_frames_come_back(payloads in payloads()) {
        prop_assert_eq!(read(&framed(&payloads)), (payloads, None));
    }

    #[test]
    fn a_cut_is_told_where_its_frame_begins(payloads in payloads(), cut: prop::sample::Index) {
        let bytes = framed(&payloads);
        let cut = cut.index(bytes.len());
        let whole = (0..payloads.len()).rev().find(|count| framed(&payloads[..*count]).len() <= cut).unwrap();
        let offset = framed(&payloads[..whole]).len();
        let (found, damage) = read(&bytes[..cut]);
        prop_assert_eq!(&found, &payloads[..whole]);
        prop_assert_eq!(damage.map(|(offset, _)| offset as usize), (offset < cut).then_some(offset));
    }

    #[test]
    fn no_changed_byte_is_missed(payloads in payloads(), at: prop::sample::Index, change in 1..=255_u8) {
        let mut bytes = framed(&payloads);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let (found, damage) = read(&bytes);
        let offset = framed(&payloads[..found.len()]).len();
        prop_assert_eq!(&found, &payloads[..found.len()]);
        prop_assert_eq!(damage.unwrap().0 as usize, offset);
        prop_assert!(offset <= at);
    }
}
