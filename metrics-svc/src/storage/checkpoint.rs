//! Checkpoints: what stands for the older part of the journal.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use super::{
    directory::Directory,
    disk::DiskFile,
    error::{DamageReason, ReadError, StorageError},
    file_kind::{FILE_HEADER_BYTES, FileKind},
    frame::{FrameReader, PayloadLengthError},
    record::{self, Record},
};

/// Written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a checkpoint; dropped before [`finish`](Self::finish), it leaves everything as it was.
#[derive(Debug)]
pub struct CheckpointWriter {
    directory: Directory,
    number: u64,
    file: Box<dyn DiskFile>,
    buffer: Vec<u8>,
    /// Bytes in the file.
    written: u64,
    entries: u64,
    published: bool,
}

/// A checkpoint that is durable.
#[derive(Debug)]
pub struct Written {
    /// Its number.
    pub number: u64,
    /// Its entries.
    pub entries: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Older segments and checkpoints that were deleted.
    pub deleted: usize,
    /// Why some were not, which the next checkpoint or recovery makes up for.
    pub not_deleted: Option<StorageError>,
}

impl CheckpointWriter {
    pub(super) fn create(directory: &Directory, number: u64) -> Result<Self, StorageError> {
        if !directory.list()?.journals.contains_key(&number) {
            return Err(StorageError::MissingSegment(directory.file(FileKind::Journal, number)));
        }
        let file = directory.create_temporary(FileKind::Checkpoint, number)?;
        let buffer = FileKind::Checkpoint.header(number).to_vec();
        let directory = directory.clone();
        Ok(Self { directory, number, file, buffer, written: 0, entries: 0, published: false })
    }

    /// Adds an entry that is the `parts` one after the other.
    ///
    /// # Errors
    /// When the disk refuses, or they have more than [`MAX_ENTRY_BYTES`](super::MAX_ENTRY_BYTES) together.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), StorageError> {
        let appended = record::append_entry(&mut self.buffer, parts);
        appended.map_err(|error| self.refused(error))?;
        self.entries += 1;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Makes the checkpoint durable, then deletes the older segments and checkpoints.
    ///
    /// # Errors
    /// When the disk refuses. Nothing is then deleted.
    pub fn finish(mut self) -> Result<Written, StorageError> {
        self.buffer.extend_from_slice(&record::end(self.entries));
        self.flush()?;
        self.file.sync().map_err(StorageError::io("synchronize", &self.path()))?;
        // When only the name is not durable yet, the checkpoint is whole under either name.
        self.directory.publish(FileKind::Checkpoint, self.number)?;
        self.published = true;
        let (deleted, error) = self.delete_older();
        let (number, entries, bytes) = (self.number, self.entries, self.written);
        Ok(Written { number, entries, bytes, deleted, not_deleted: error })
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        let written = self.file.write_all_at(&self.buffer, self.written);
        written.map_err(StorageError::io("write", &self.path()))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        Ok(())
    }

    /// Deletes what it can; tells how many, and the first that it could not.
    fn delete_older(&self) -> (usize, Option<StorageError>) {
        let listing = match self.directory.list() {
            Ok(listing) => listing,
            Err(error) => return (0, Some(error)),
        };
        let (mut deleted, mut first_error) = (0, None);
        for path in listing.superfluous(&self.directory, self.number) {
            match self.directory.remove(&path) {
                Ok(()) => deleted += 1,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        (deleted, first_error)
    }

    fn refused(&self, error: PayloadLengthError) -> StorageError {
        StorageError::io("write", &self.path())(io::Error::new(io::ErrorKind::InvalidInput, error))
    }

    fn path(&self) -> PathBuf {
        self.directory.temporary(FileKind::Checkpoint, self.number)
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        if !self.published {
            // Recovery deletes what cannot be deleted now.
            self.directory.remove(&self.path()).ok();
        }
    }
}

/// Reads the entries of a checkpoint.
#[derive(Debug)]
pub(super) struct CheckpointReader<R> {
    frames: FrameReader<R>,
    entries: u64,
}

impl<R: Read> CheckpointReader<R> {
    pub(super) fn open(mut input: R, number: u64) -> Result<Self, ReadError> {
        FileKind::Checkpoint.read_header(&mut input, number)?;
        Ok(Self { frames: FrameReader::new(input, FILE_HEADER_BYTES as u64), entries: 0 })
    }

    /// The next entry; `None` at the end of a checkpoint that is whole.
    pub(super) fn read(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let start = self.frames.position();
        if !self.frames.advance()? {
            return Err(ReadError::damaged(start, DamageReason::Unfinished));
        }
        match Record::parse(self.frames.payload()) {
            Some(Record::Entry(_)) => {
                self.entries += 1;
                Ok(self.frames.payload().get(1..))
            }
            Some(Record::End { entries }) if entries == self.entries => self.nothing_further(start),
            _ => Err(ReadError::damaged(start, DamageReason::Misplaced)),
        }
    }

    fn nothing_further(&mut self, end_marker: u64) -> Result<Option<&[u8]>, ReadError> {
        match self.frames.advance() {
            Ok(false) => Ok(None),
            Ok(true) => Err(ReadError::damaged(end_marker, DamageReason::Misplaced)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn position(&self) -> u64 {
        self.frames.position()
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
