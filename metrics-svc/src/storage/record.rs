//! What a frame's payload is: its first byte is the kind.

use std::iter;

use super::frame::{HEADER_BYTES, MAX_PAYLOAD_BYTES, PayloadLengthError, append_frame};

/// The longest entry.
pub const MAX_ENTRY_BYTES: usize = MAX_PAYLOAD_BYTES - 1;
/// The frame that a group opens with.
pub(super) const GROUP_FRAME_BYTES: usize = HEADER_BYTES + 1 + 3 * 8;
/// The frame that a segment opens with.
pub(super) const OPENING_FRAME_BYTES: usize = HEADER_BYTES + 1 + 8;

const ENTRY: u8 = 1;
const OPENING: u8 = 2;
const GROUP: u8 = 3;
const END: u8 = 4;

/// A payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// What somebody stored.
    Entry(&'a [u8]),
    /// First of a segment: where its predecessor ends.
    Opening { previous_end: u64 },
    /// First of a group.
    Group(GroupHead),
    /// Last of a checkpoint: how many entries there are before it.
    End { entries: u64 },
}

/// Where a group is, so that it is nowhere else, and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupHead {
    /// The segment's number.
    pub(super) segment: u64,
    /// Offset of this frame in the segment.
    pub(super) offset: u64,
    /// Bytes of the group's entries, which follow this frame.
    pub(super) bytes: u64,
}

impl<'a> Record<'a> {
    /// What the payload is, if it is anything.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (&kind, content) = payload.split_first()?;
        match (kind, content.len()) {
            (ENTRY, _) => Some(Self::Entry(content)),
            (OPENING, 8) => Some(Self::Opening { previous_end: number(content, 0)? }),
            (GROUP, 24) => Some(Self::Group(GroupHead {
                segment: number(content, 0)?,
                offset: number(content, 1)?,
                bytes: number(content, 2)?,
            })),
            (END, 8) => Some(Self::End { entries: number(content, 0)? }),
            _ => None,
        }
    }
}

/// Appends an entry made of `parts`.
pub(super) fn append_entry(buffer: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), PayloadLengthError> {
    append_frame(buffer, iter::once(&[ENTRY][..]).chain(parts.iter().copied()))
}

pub(super) fn opening(previous_end: u64) -> Vec<u8> {
    frame_of_numbers(OPENING, &[previous_end])
}

pub(super) fn group(head: GroupHead) -> Vec<u8> {
    frame_of_numbers(GROUP, &[head.segment, head.offset, head.bytes])
}

pub(super) fn end(entries: u64) -> Vec<u8> {
    frame_of_numbers(END, &[entries])
}

fn frame_of_numbers(kind: u8, numbers: &[u64]) -> Vec<u8> {
    let content: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut frame = Vec::with_capacity(HEADER_BYTES + 1 + content.len());
    let framed = append_frame(&mut frame, [&[kind][..], &content].into_iter());
    debug_assert!(framed.is_ok(), "a few bytes");
    frame
}

fn number(content: &[u8], index: usize) -> Option<u64> {
    content.get(8 * index..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
