//! Frames: the unit that is whole or not.

use std::io::{BufReader, Read};

use super::error::{DamageReason, ReadError};

/// The longest payload. A damaged length beyond it costs no memory.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;
/// Length and checksum before the payload.
pub(super) const HEADER_BYTES: usize = 8;
const BUFFER_BYTES: usize = 256 << 10;
/// What a buffer keeps of the memory that a long payload took.
pub(super) const KEPT_BYTES: usize = 4 << 20;

/// A payload that no frame can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame a payload of {0} bytes: 1 to {MAX_PAYLOAD_BYTES} are allowed")]
pub struct PayloadLengthError(pub usize);

/// Appends a frame to `buffer` whose payload is the `parts` one after the other.
///
/// # Errors
/// When they have no byte or more than [`MAX_PAYLOAD_BYTES`] together; `buffer` is then as it was.
pub fn append_frame<'a>(
    buffer: &mut Vec<u8>,
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<(), PayloadLengthError> {
    let length = parts.clone().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
    if length == 0 || length > MAX_PAYLOAD_BYTES {
        return Err(PayloadLengthError(length));
    }
    let told = (length as u32).to_le_bytes();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&told);
    parts.clone().for_each(|part| checksum.update(part));
    buffer.reserve(HEADER_BYTES + length);
    buffer.extend_from_slice(&told);
    buffer.extend_from_slice(&checksum.finalize().to_le_bytes());
    parts.for_each(|part| buffer.extend_from_slice(part));
    Ok(())
}

/// Reads frames one after the other, and holds one payload at a time.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: BufReader<R>,
    payload: Vec<u8>,
    position: u64,
}

impl<R: Read> FrameReader<R> {
    /// A reader of the frames in `input`, whose first byte is at `position` of the file.
    pub fn new(input: R, position: u64) -> Self {
        Self { input: BufReader::with_capacity(BUFFER_BYTES, input), payload: Vec::new(), position }
    }

    /// The next frame's payload; `None` at the end, which is right behind a frame.
    ///
    /// # Errors
    /// When what follows is no whole frame. There is then nothing further to read.
    pub fn read(&mut self) -> Result<Option<&[u8]>, ReadError> {
        Ok(self.advance()?.then_some(&self.payload))
    }

    /// Where the frames that were read end.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Makes the next frame the current one; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        let present = self.fill(HEADER_BYTES)?;
        let Some((&told, rest)) = self.payload.split_first_chunk() else {
            return if present == 0 {
                Ok(false)
            } else {
                Err(self.damaged(DamageReason::HeaderCut(present)))
            };
        };
        let Some(&checksum) = rest.first_chunk() else {
            return Err(self.damaged(DamageReason::HeaderCut(present)));
        };
        let length = u32::from_le_bytes(told);
        if length == 0 || length as usize > MAX_PAYLOAD_BYTES {
            return Err(self.damaged(DamageReason::Length(length)));
        }
        let present = self.fill(length as usize)?;
        if present < length as usize {
            return Err(self.damaged(DamageReason::PayloadCut { length, present }));
        }
        self.check(told, u32::from_le_bytes(checksum))?;
        self.position += (HEADER_BYTES + present) as u64;
        Ok(true)
    }

    /// The current frame's payload.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Damage where the current frame ends.
    pub(super) fn damaged(&self, reason: DamageReason) -> ReadError {
        ReadError::damaged(self.position, reason)
    }

    /// Reads that many bytes, or less at the end; memory grows with what is there and not with what is asked for.
    fn fill(&mut self, bytes: usize) -> Result<usize, ReadError> {
        self.payload.clear();
        self.payload.shrink_to(KEPT_BYTES);
        self.payload.reserve(bytes.min(BUFFER_BYTES));
        Ok(self.input.by_ref().take(bytes as u64).read_to_end(&mut self.payload)?)
    }

    fn check(&self, length: [u8; 4], told: u32) -> Result<(), ReadError> {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&length);
        checksum.update(&self.payload);
        let found = checksum.finalize();
        if found == told { Ok(()) } else { Err(self.damaged(DamageReason::Checksum { told, found })) }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
