//! Reads a whole directory and says what there is to recover; changes nothing.

use std::{io::Read, path::PathBuf};

use super::{
    checkpoint::CheckpointReader,
    directory::{Directory, Listing},
    error::{ReadError, StorageError},
    file_kind::FileKind,
    journal::FIRST_SEGMENT,
    recovery::DamagedCheckpoint,
    segment::SegmentReader,
    sound_segment::SoundSegment,
};

/// What there is to recover.
#[derive(Debug)]
pub(super) struct Plan {
    /// Number of the first segment to replay.
    pub(super) first: u64,
    pub(super) checkpoint: Option<WholeCheckpoint>,
    pub(super) damaged: Vec<DamagedCheckpoint>,
    /// Without gaps, beginning with the first.
    pub(super) segments: Vec<SoundSegment>,
    /// Files to delete.
    pub(super) superfluous: Vec<PathBuf>,
}

/// A checkpoint that was read to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct WholeCheckpoint {
    pub(super) number: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Plan {
    /// Reads everything in the directory.
    pub(super) fn make(directory: &Directory) -> Result<Self, StorageError> {
        let listing = directory.list()?;
        check_versions(directory, &listing)?;
        let (checkpoint, damaged) = newest_whole(directory, &listing)?;
        let first = checkpoint.map_or(FIRST_SEGMENT, |checkpoint| checkpoint.number);
        let mut superfluous = listing.superfluous(directory, first);
        let mut numbers = sequence(directory, &listing, first, &damaged)?;
        // A segment that was given up as a whole is as good as none.
        let emptied = numbers.pop_if(|last| listing.journals.get(last) == Some(&0));
        if let Some(emptied) = emptied.filter(|emptied| *emptied > first) {
            superfluous.push(directory.file(FileKind::Journal, emptied));
        }
        let segments = sound_segments(directory, &listing, &numbers)?;
        superfluous.extend(listing.temporaries);
        Ok(Self { first, checkpoint, damaged, segments, superfluous })
    }
}

/// A file of another format stops everything, needed or not: only its own program knows what to do.
fn check_versions(directory: &Directory, listing: &Listing) -> Result<(), StorageError> {
    let journals = listing.journals.keys().map(|number| (FileKind::Journal, *number));
    let checkpoints = listing.checkpoints.keys().map(|number| (FileKind::Checkpoint, *number));
    for (kind, number) in checkpoints.chain(journals) {
        let path = directory.file(kind, number);
        match kind.read_header(&mut directory.read(kind, number)?, number) {
            Ok(()) | Err(ReadError::Damaged(_)) => {}
            Err(error) => return Err(error.of(&path)),
        }
    }
    Ok(())
}

/// The newest checkpoint that is whole, and the newer ones, which are not.
fn newest_whole(
    directory: &Directory,
    listing: &Listing,
) -> Result<(Option<WholeCheckpoint>, Vec<DamagedCheckpoint>), StorageError> {
    let mut damaged = Vec::new();
    for &number in listing.checkpoints.keys().rev() {
        match read_checkpoint(directory.read(FileKind::Checkpoint, number)?, number) {
            Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
            Err(ReadError::Damaged(damage)) => damaged.push(DamagedCheckpoint { number, damage }),
            Err(error) => return Err(error.of(&directory.file(FileKind::Checkpoint, number))),
        }
    }
    Ok((None, damaged))
}

fn read_checkpoint(input: impl Read, number: u64) -> Result<WholeCheckpoint, ReadError> {
    let mut reader = CheckpointReader::open(input, number)?;
    while reader.read()?.is_some() {}
    Ok(WholeCheckpoint { number, entries: reader.entries(), bytes: reader.position() })
}

/// Numbers of the segments from the first on, none of which may be missing; none in a fresh directory.
fn sequence(
    directory: &Directory,
    listing: &Listing,
    first: u64,
    damaged: &[DamagedCheckpoint],
) -> Result<Vec<u64>, StorageError> {
    if listing.journals.is_empty() && listing.checkpoints.is_empty() {
        return Ok(Vec::new());
    }
    // A checkpoint's own segment was there before it.
    let newest_damaged = damaged.first().map_or(first, |checkpoint| checkpoint.number);
    let last = listing.journals.keys().next_back().copied().unwrap_or(first).max(newest_damaged);
    let mut expected = first..=last.max(first);
    let Some(missing) = expected.find(|number| !listing.journals.contains_key(number)) else {
        return Ok((first..=last).collect());
    };
    let missing = directory.file(FileKind::Journal, missing);
    Err(match damaged.first() {
        None => StorageError::MissingSegment(missing),
        Some(&DamagedCheckpoint { number, damage }) => {
            let path = directory.file(FileKind::Checkpoint, number);
            StorageError::DamagedCheckpoint { path, damage, missing }
        }
    })
}

/// Reads the segments, each up to the end that its successor tells.
fn sound_segments(
    directory: &Directory,
    listing: &Listing,
    numbers: &[u64],
) -> Result<Vec<SoundSegment>, StorageError> {
    let mut segments = Vec::with_capacity(numbers.len());
    for (index, &number) in numbers.iter().enumerate() {
        let length = listing.journals.get(&number).copied().unwrap_or_default();
        segments.push(match numbers.get(index + 1) {
            Some(&next) => SoundSegment::closed(directory, number, length, previous_end(directory, next)?)?,
            None => SoundSegment::last(directory, number, length)?,
        });
    }
    Ok(segments)
}

fn previous_end(directory: &Directory, number: u64) -> Result<u64, StorageError> {
    let reader = SegmentReader::open(directory.read(FileKind::Journal, number)?, number);
    Ok(reader.map_err(|error| error.of(&directory.file(FileKind::Journal, number)))?.previous_end())
}
