//! What can be wrong with a directory and its files.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use super::{file_kind::FORMAT_VERSION, frame::MAX_PAYLOAD_BYTES};

/// Where a file stops making sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged at byte {offset}: {reason}")]
pub struct Damage {
    /// Bytes of the file before the damage.
    pub offset: u64,
    /// What is wrong there.
    pub reason: DamageReason,
}

/// In what way a file does not make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageReason {
    /// The file does not start with the magic of its kind.
    #[error("not a file of this kind")]
    Magic,
    /// The file was made under another name.
    #[error("the file says that its number is {0:016x}")]
    Number(u64),
    /// The file ends inside of a frame's length and checksum.
    #[error("{0} bytes of a frame's first 8")]
    HeaderCut(usize),
    /// A frame's length is outside of 1 to [`MAX_PAYLOAD_BYTES`].
    #[error("a frame of {0} bytes, 1 to {MAX_PAYLOAD_BYTES} are allowed")]
    Length(u32),
    /// The file ends inside of a frame's payload.
    #[error("{present} bytes of a frame's {length}")]
    PayloadCut {
        /// Bytes that the frame should have.
        length: u32,
        /// Bytes that are there.
        present: usize,
    },
    /// The checksum is of something else.
    #[error("a frame with checksum {found:08x} says {told:08x}")]
    Checksum {
        /// The checksum in the file.
        told: u32,
        /// The checksum of the file's bytes.
        found: u32,
    },
    /// A sound frame that has no place here.
    #[error("a frame that does not belong here")]
    Misplaced,
    /// The file ends inside of a group.
    #[error("a group without its end")]
    GroupCut,
    /// The checkpoint ends without its end marker.
    #[error("no end marker")]
    Unfinished,
    /// A segment ends before the place that its successor tells.
    #[error("the end, but the next segment was begun when this one had {0} bytes")]
    Short(u64),
    /// Bytes behind the end that a segment's successor tells.
    #[error("what a failed commit left")]
    Abandoned,
}

/// Why no further frame can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is of another format.
    #[error("format version {0}, {FORMAT_VERSION} is expected")]
    UnknownVersion(u32),
    /// What was read makes no sense.
    #[error(transparent)]
    Damaged(Damage),
}

/// Why something is not stored, or what is stored cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("lock {}: another process uses the directory", .0.display())]
    Locked(PathBuf),
    /// The file is of a format that this program does not know.
    #[error(
        "read {}: it has format version {found}, {FORMAT_VERSION} is expected; use the version of the program that \
         wrote it",
        path.display()
    )]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Entries that were durable cannot be read.
    #[error(
        "read {}: it is {damage}; restore the directory from a copy, or give up the entries from there on: truncate \
         the file to {} bytes and delete the segments after it",
        path.display(),
        damage.offset
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where the last whole group ends, and what follows it.
        damage: Damage,
    },
    /// A segment that is needed is not there.
    #[error("open {}: it is missing; restore the directory from a copy", .0.display())]
    MissingSegment(PathBuf),
    /// A checkpoint is damaged, and the segments that it stood for are deleted.
    #[error(
        "read {}: it is {damage}, and {} to do without it is missing; restore the directory from a copy",
        path.display(),
        missing.display()
    )]
    DamagedCheckpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
        /// The first segment that is missing.
        missing: PathBuf,
    },
}

/// Why nothing could be recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError<E: Error + 'static> {
    /// The directory is not sound.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An entry was read as it was written, and its taker refused it.
    #[error("replay the entry before byte {end} of {}: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Where the entry ends.
        end: u64,
        /// The taker's error.
        source: E,
    },
}

impl StorageError {
    /// Says what failed with which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl ReadError {
    pub(super) fn damaged(offset: u64, reason: DamageReason) -> Self {
        Self::Damaged(Damage { offset, reason })
    }

    /// Says which segment it was.
    pub(super) fn of(self, path: &Path) -> StorageError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => StorageError::Io { action: "read", path, source },
            Self::UnknownVersion(found) => StorageError::UnknownVersion { path, found },
            Self::Damaged(damage) => StorageError::Corrupt { path, damage },
        }
    }
}
