//! Reads a segment to its end and says how much of it is sound.

use std::io::Read;

use super::{
    directory::Directory,
    error::{Damage, DamageReason, ReadError, StorageError},
    file_kind::FileKind,
    recovery::Cut,
    segment::{SEGMENT_HEAD_BYTES, SegmentReader, has_group_after},
};

/// A segment all of whose groups are whole up to `end`.
#[derive(Debug)]
pub(super) struct SoundSegment {
    pub(super) number: u64,
    pub(super) end: u64,
    pub(super) entries: u64,
    /// What is behind the end.
    pub(super) cut: Option<Cut>,
}

/// What was read of a segment.
#[derive(Clone, Copy)]
struct Found {
    /// Where the last whole group ends.
    end: u64,
    /// Entries up to there.
    entries: u64,
    /// What is wrong behind it.
    wrong: Option<DamageReason>,
}

impl SoundSegment {
    /// A segment whose successor says that it ends at `end`.
    pub(super) fn closed(
        directory: &Directory,
        number: u64,
        length: u64,
        end: u64,
    ) -> Result<Self, StorageError> {
        let found = read(directory, number, end)?;
        let short = (found.end != end).then_some(DamageReason::Short(end));
        if let Some(reason) = found.wrong.or(short) {
            return Err(corrupt(directory, number, found.end, reason));
        }
        let abandoned = (length > end).then_some(DamageReason::Abandoned);
        Ok(Self::new(number, length, Found { wrong: abandoned, ..found }))
    }

    /// The last segment, which may end in a torn group.
    pub(super) fn last(directory: &Directory, number: u64, length: u64) -> Result<Self, StorageError> {
        let found = read(directory, number, u64::MAX)?;
        if let Some(reason) = found.wrong {
            let input = directory.read(FileKind::Journal, number)?;
            let path = directory.file(FileKind::Journal, number);
            if has_group_after(input, number, found.end).map_err(StorageError::io("read", &path))? {
                return Err(corrupt(directory, number, found.end, reason));
            }
        }
        Ok(Self::new(number, length, found))
    }

    /// Bytes of its groups.
    pub(super) fn group_bytes(&self) -> u64 {
        self.end - SEGMENT_HEAD_BYTES
    }

    fn new(number: u64, length: u64, found: Found) -> Self {
        let Found { end, entries, wrong } = found;
        let bytes = length.saturating_sub(end);
        let cut = wrong.map(|reason| Cut { segment: number, offset: end, bytes, reason });
        Self { number, end, entries, cut }
    }
}

/// Reads the groups in the first `limit` bytes.
fn read(directory: &Directory, number: u64, limit: u64) -> Result<Found, StorageError> {
    let path = directory.file(FileKind::Journal, number);
    let input = directory.read(FileKind::Journal, number)?.take(limit);
    let mut reader = SegmentReader::open(input, number).map_err(|error| error.of(&path))?;
    let (mut read, mut entries) = (0, 0);
    let wrong = loop {
        match reader.read() {
            Ok(Some(_)) => read += 1,
            Ok(None) => break None,
            Err(ReadError::Damaged(damage)) => break Some(damage.reason),
            Err(error) => return Err(error.of(&path)),
        }
        if reader.is_between_groups() {
            entries = read;
        }
    };
    Ok(Found { end: reader.whole_end(), entries, wrong })
}

fn corrupt(directory: &Directory, number: u64, offset: u64, reason: DamageReason) -> StorageError {
    let path = directory.file(FileKind::Journal, number);
    StorageError::Corrupt { path, damage: Damage { offset, reason } }
}
