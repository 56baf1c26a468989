//! Entries to be made durable together.

use super::{
    frame::{KEPT_BYTES, PayloadLengthError},
    record::{self, GROUP_FRAME_BYTES, GroupHead},
};

/// Entries that a commit makes durable together; to be used again and again.
#[derive(Debug)]
pub struct Group {
    /// Room for the group's first frame, then a frame for each entry.
    frames: Vec<u8>,
    entries: usize,
}

impl Default for Group {
    fn default() -> Self {
        Self { frames: vec![0; GROUP_FRAME_BYTES], entries: 0 }
    }
}

impl Group {
    /// Adds an entry that is the `parts` one after the other.
    ///
    /// # Errors
    /// When they have more than [`MAX_ENTRY_BYTES`](super::MAX_ENTRY_BYTES) together; the group is then as it was.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), PayloadLengthError> {
        record::append_entry(&mut self.frames, parts)?;
        self.entries += 1;
        Ok(())
    }

    /// Entries in the group.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes that the group takes in a segment.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.len()
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.frames.truncate(GROUP_FRAME_BYTES);
        self.frames.shrink_to(KEPT_BYTES);
        self.entries = 0;
    }

    /// The frames to write at this place.
    pub(super) fn seal(&mut self, segment: u64, offset: u64) -> &[u8] {
        let bytes = (self.frames.len() - GROUP_FRAME_BYTES) as u64;
        let head = record::group(GroupHead { segment, offset, bytes });
        self.frames[..GROUP_FRAME_BYTES].copy_from_slice(&head);
        &self.frames
    }
}
