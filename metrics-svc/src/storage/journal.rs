//! Appends groups to the journal's last segment.

use std::collections::VecDeque;

use super::{
    directory::Directory,
    disk::DiskFile,
    error::StorageError,
    file_kind::{FILE_HEADER_BYTES, FileKind},
    group::Group,
    record,
    segment::SEGMENT_HEAD_BYTES,
};

/// Number of the first segment.
pub(super) const FIRST_SEGMENT: u64 = 1;

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    directory: Directory,
    /// Segments before the current one that no checkpoint stands for yet: number and bytes of groups.
    closed: VecDeque<(u64, u64)>,
    number: u64,
    file: Box<dyn DiskFile>,
    /// Where the durable groups end.
    end: u64,
    state: State,
}

/// What the current segment is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It ends where its durable groups end.
    Sound,
    /// Bytes may lie behind the durable groups.
    Dirty,
    /// What is written to it may be lost: after a failed synchronization the system may take for written what is not,
    /// and where its successor may be there, recovery takes what it gets for left by a failed commit.
    Retired,
}

impl Journal {
    /// A journal without any segment gets its first.
    pub(super) fn create(directory: Directory, number: u64) -> Result<Self, StorageError> {
        let file = create_segment(&directory, number, 0)?;
        directory.publish(FileKind::Journal, number)?;
        Ok(Self::open(directory, VecDeque::new(), number, file, SEGMENT_HEAD_BYTES))
    }

    /// A journal that goes on at the end of a segment.
    pub(super) fn open(
        directory: Directory,
        closed: VecDeque<(u64, u64)>,
        number: u64,
        file: Box<dyn DiskFile>,
        end: u64,
    ) -> Self {
        Self { directory, closed, number, file, end, state: State::Sound }
    }

    /// Appends the group's entries and makes them durable; a group without entries costs nothing.
    ///
    /// # Errors
    /// When the disk refuses, as when it is full. Nothing of the group is then in the journal, and a later commit may
    /// succeed. Only when [`is_sound`](Self::is_sound) is false besides and the process ends before it is true again,
    /// the group may be there, wholly, after recovery.
    pub fn commit(&mut self, group: &mut Group) -> Result<(), StorageError> {
        if group.is_empty() {
            return Ok(());
        }
        self.repair()?;
        let written = self.write(group.seal(self.number, self.end));
        if written.is_err() {
            // When this fails too, the next commit tries again.
            self.repair().ok();
        }
        written
    }

    /// Begins a new segment and returns its number: a checkpoint of that number holds everything committed before.
    ///
    /// # Errors
    /// When the disk refuses. The journal then goes on, if need be with a new segment at the next commit.
    pub fn rotate(&mut self) -> Result<u64, StorageError> {
        self.begin_segment()?;
        Ok(self.number)
    }

    /// Takes note that the checkpoint of this number is durable.
    pub fn checkpointed(&mut self, number: u64) {
        self.closed.retain(|(closed, _)| *closed >= number);
    }

    /// Bytes of groups that no checkpoint stands for, which recovery would replay.
    #[must_use]
    pub fn bytes_since_checkpoint(&self) -> u64 {
        self.closed.iter().map(|(_, bytes)| bytes).sum::<u64>() + self.end - SEGMENT_HEAD_BYTES
    }

    /// Number of the segment that is appended to.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.number
    }

    /// The directory, for a checkpoint.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// False after a failure that is not repaired yet.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.state == State::Sound
    }

    /// Removes what a failed commit left, or begins a new segment. Each commit does so first.
    ///
    /// # Errors
    /// When the disk still refuses.
    pub fn repair(&mut self) -> Result<(), StorageError> {
        if self.state == State::Sound {
            return Ok(());
        }
        let truncated = self.file.set_len(self.end).and_then(|()| self.file.sync());
        if self.state == State::Dirty && truncated.is_ok() {
            self.state = State::Sound;
            return Ok(());
        }
        // A new segment tells where this one ends, so that it does not matter what is left in it.
        self.begin_segment()
    }

    fn write(&mut self, frames: &[u8]) -> Result<(), StorageError> {
        let path = || self.directory.file(FileKind::Journal, self.number);
        if let Err(error) = self.file.write_all_at(frames, self.end) {
            self.state = State::Dirty;
            return Err(StorageError::io("write", &path())(error));
        }
        if let Err(error) = self.file.sync() {
            self.state = State::Retired;
            return Err(StorageError::io("synchronize", &path())(error));
        }
        self.end += frames.len() as u64;
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), StorageError> {
        let number = self.number + 1;
        let file = create_segment(&self.directory, number, self.end)?;
        // From here on it may be there, whatever the outcome.
        self.state = State::Retired;
        self.directory.publish(FileKind::Journal, number)?;
        self.closed.push_back((self.number, self.end - SEGMENT_HEAD_BYTES));
        (self.number, self.file, self.end, self.state) = (number, file, SEGMENT_HEAD_BYTES, State::Sound);
        Ok(())
    }
}

/// Makes a segment without groups, still under its temporary name.
fn create_segment(
    directory: &Directory,
    number: u64,
    previous_end: u64,
) -> Result<Box<dyn DiskFile>, StorageError> {
    let mut head = FileKind::Journal.header(number).to_vec();
    head.extend_from_slice(&record::opening(previous_end));
    debug_assert_eq!(head.len(), FILE_HEADER_BYTES + record::OPENING_FRAME_BYTES);
    let mut file = directory.create_temporary(FileKind::Journal, number)?;
    let written = file.write_all_at(&head, 0).and_then(|()| file.sync());
    match written {
        Ok(()) => Ok(file),
        Err(error) => {
            let path = directory.temporary(FileKind::Journal, number);
            // The next attempt or recovery replaces what cannot be deleted.
            directory.remove(&path).ok();
            Err(StorageError::io("write", &path)(error))
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
