//! Reads a segment of the journal, group by group.

use std::io::{self, Read};

use super::{
    error::{DamageReason, ReadError},
    file_kind::{FILE_HEADER_BYTES, FileKind},
    frame::FrameReader,
    record::{GROUP_FRAME_BYTES, GroupHead, OPENING_FRAME_BYTES, Record},
};

/// What a segment without groups has.
pub(super) const SEGMENT_HEAD_BYTES: u64 = (FILE_HEADER_BYTES + OPENING_FRAME_BYTES) as u64;
const SCAN_BYTES: usize = 1 << 20;

/// Reads the entries of a segment.
#[derive(Debug)]
pub struct SegmentReader<R> {
    frames: FrameReader<R>,
    number: u64,
    previous_end: u64,
    group_start: u64,
    group_end: u64,
}

impl<R: Read> SegmentReader<R> {
    /// A reader of the segment of this number.
    ///
    /// # Errors
    /// When `input` does not begin like that segment.
    pub fn open(mut input: R, number: u64) -> Result<Self, ReadError> {
        FileKind::Journal.read_header(&mut input, number)?;
        let mut frames = FrameReader::new(input, FILE_HEADER_BYTES as u64);
        let previous_end = match frames.read() {
            Ok(Some(payload)) => match Record::parse(payload) {
                Some(Record::Opening { previous_end }) => previous_end,
                _ => return Err(ReadError::damaged(0, DamageReason::Misplaced)),
            },
            Ok(None) => return Err(ReadError::damaged(0, DamageReason::HeaderCut(0))),
            // Without its opening, nothing of a segment is of use.
            Err(ReadError::Damaged(damage)) => return Err(ReadError::damaged(0, damage.reason)),
            Err(error) => return Err(error),
        };
        let start = frames.position();
        Ok(Self { frames, number, previous_end, group_start: start, group_end: start })
    }

    /// The next entry; `None` at the end, which is right behind a group.
    ///
    /// # Errors
    /// When what follows is no whole group. Its first entries may have been given already; see
    /// [`whole_end`](Self::whole_end).
    pub fn read(&mut self) -> Result<Option<&[u8]>, ReadError> {
        loop {
            let start = self.frames.position();
            if start == self.group_end {
                // Whatever follows, the group before it is whole.
                self.group_start = start;
            }
            if !self.frames.advance()? {
                return if start == self.group_end {
                    Ok(None)
                } else {
                    Err(self.damaged(DamageReason::GroupCut))
                };
            }
            match Record::parse(self.frames.payload()) {
                Some(Record::Group(head)) if start == self.group_end => self.begin_group(start, head)?,
                Some(Record::Entry(_)) if self.frames.position() <= self.group_end => break,
                _ => return Err(ReadError::damaged(start, DamageReason::Misplaced)),
            }
        }
        Ok(self.frames.payload().get(1..))
    }

    /// Where the segment before this one ends.
    pub fn previous_end(&self) -> u64 {
        self.previous_end
    }

    /// Where the last group ends all of which was read.
    pub fn whole_end(&self) -> u64 {
        if self.is_between_groups() { self.group_end } else { self.group_start }
    }

    pub(super) fn position(&self) -> u64 {
        self.frames.position()
    }

    /// Whether the last entry was the last of its group.
    pub fn is_between_groups(&self) -> bool {
        self.frames.position() == self.group_end
    }

    fn begin_group(&mut self, start: u64, head: GroupHead) -> Result<(), ReadError> {
        if head.segment != self.number || head.offset != start || head.bytes == 0 {
            return Err(ReadError::damaged(start, DamageReason::Misplaced));
        }
        self.group_start = start;
        self.group_end = self.frames.position().saturating_add(head.bytes);
        Ok(())
    }

    fn damaged(&self, reason: DamageReason) -> ReadError {
        self.frames.damaged(reason)
    }
}

/// Whether a group begins behind `offset` in the segment of this number.
pub(super) fn has_group_after(mut input: impl Read, number: u64, offset: u64) -> io::Result<bool> {
    let (mut window, mut start) = (Vec::with_capacity(SCAN_BYTES), 0);
    loop {
        let kept = window.len();
        let read = input.by_ref().take((SCAN_BYTES - kept) as u64).read_to_end(&mut window)?;
        if read == 0 {
            return Ok(false);
        }
        let mut frames = window.windows(GROUP_FRAME_BYTES).zip(start..);
        if frames.any(|(frame, at)| at > offset && is_group(frame, number, at)) {
            return Ok(true);
        }
        let scanned = window.len().saturating_sub(GROUP_FRAME_BYTES - 1);
        window.drain(..scanned);
        start += scanned as u64;
    }
}

fn is_group(frame: &[u8], number: u64, offset: u64) -> bool {
    let payload = &frame[GROUP_FRAME_BYTES - 25..];
    let Some(Record::Group(head)) = Record::parse(payload) else {
        return false;
    };
    head.segment == number && head.offset == offset && super::record::group(head) == frame
}
