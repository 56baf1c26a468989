//! Replays what a directory holds and opens its journal.

use std::{collections::VecDeque, error::Error, io::Read};

use super::{
    checkpoint::CheckpointReader,
    directory::Directory,
    disk::DiskFile,
    error::{Damage, DamageReason, ReadError, RecoverError, StorageError},
    file_kind::FileKind,
    journal::Journal,
    plan::{Plan, WholeCheckpoint},
    segment::SegmentReader,
    sound_segment::SoundSegment,
};

/// Where a replayed entry was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the checkpoint of this number.
    Checkpoint(u64),
    /// In the segment of this number.
    Segment(u64),
}

/// What was recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Number of the checkpoint.
    pub checkpoint: Option<u64>,
    /// Its entries.
    pub checkpoint_entries: u64,
    /// Its size in bytes.
    pub checkpoint_bytes: u64,
    /// Segments replayed.
    pub segments: usize,
    /// Their entries.
    pub journal_entries: u64,
    /// Bytes of their groups.
    pub journal_bytes: u64,
    /// What did not hold, at most one cut for each segment.
    pub cuts: Vec<Cut>,
    /// Checkpoints that were not used, the newest first. The segments that they stood for were all there.
    pub damaged_checkpoints: Vec<DamagedCheckpoint>,
}

/// The end of a segment that was cut off: no commit of what was there has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cut {bytes} bytes off segment {segment:016x} at byte {offset}: {reason}")]
pub struct Cut {
    /// The segment's number.
    pub segment: u64,
    /// Where it ends now.
    pub offset: u64,
    /// Bytes that were behind.
    pub bytes: u64,
    /// Why they are no groups.
    pub reason: DamageReason,
}

/// A checkpoint that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint {number:016x} is {damage}")]
pub struct DamagedCheckpoint {
    /// Its number.
    pub number: u64,
    /// What is wrong with it.
    pub damage: Damage,
}

/// Gives `replay` the entries of the newest whole checkpoint, then those of the journal since, in the order of their
/// commits. Then cuts off what a crash left, deletes what is of no more use, and opens the journal.
///
/// # Errors
/// When the directory does not hold all that was durable, or `replay` refuses an entry: the directory is then as it
/// was. Or when the disk refuses.
pub fn recover<E: Error + 'static>(
    directory: &Directory,
    mut replay: impl FnMut(Source, &[u8]) -> Result<(), E>,
) -> Result<(Journal, Recovery), RecoverError<E>> {
    let plan = Plan::make(directory)?;
    if let Some(checkpoint) = &plan.checkpoint {
        replay_checkpoint(directory, checkpoint, &mut replay)?;
    }
    for segment in &plan.segments {
        replay_segment(directory, segment, &mut replay)?;
    }
    let journal = open_journal(directory, &plan)?;
    Ok((journal, report(plan)))
}

fn replay_checkpoint<E: Error + 'static>(
    directory: &Directory,
    checkpoint: &WholeCheckpoint,
    replay: &mut impl FnMut(Source, &[u8]) -> Result<(), E>,
) -> Result<(), RecoverError<E>> {
    let number = checkpoint.number;
    let path = directory.file(FileKind::Checkpoint, number);
    let failed = |error: ReadError| error.of(&path);
    let input = directory.read(FileKind::Checkpoint, number)?;
    let mut reader = CheckpointReader::open(input, number).map_err(failed)?;
    while let Some(entry) = reader.read().map_err(failed)? {
        if let Err(source) = replay(Source::Checkpoint(number), entry) {
            return Err(RecoverError::Refused { path, end: reader.position(), source });
        }
    }
    Ok(())
}

fn replay_segment<E: Error + 'static>(
    directory: &Directory,
    segment: &SoundSegment,
    replay: &mut impl FnMut(Source, &[u8]) -> Result<(), E>,
) -> Result<(), RecoverError<E>> {
    let number = segment.number;
    let path = directory.file(FileKind::Journal, number);
    let failed = |error: ReadError| error.of(&path);
    let input = directory.read(FileKind::Journal, number)?.take(segment.end);
    let mut reader = SegmentReader::open(input, number).map_err(failed)?;
    while let Some(entry) = reader.read().map_err(failed)? {
        if let Err(source) = replay(Source::Segment(number), entry) {
            return Err(RecoverError::Refused { path, end: reader.position(), source });
        }
    }
    Ok(())
}

/// Makes the directory what the plan found it to be, and all that was replayed durable: the system may have shown what
/// the last process wrote and did not live to synchronize.
fn open_journal(directory: &Directory, plan: &Plan) -> Result<Journal, StorageError> {
    // Before anything is deleted, which what stands for it must not outlive.
    directory.synchronize()?;
    for cut in plan.segments.iter().filter_map(|segment| segment.cut) {
        truncate(directory, &cut)?;
    }
    let journal = match plan.segments.split_last() {
        Some((last, closed)) => open_last(directory, last, closed)?,
        None => Journal::create(directory.clone(), plan.first)?,
    };
    for path in &plan.superfluous {
        directory.remove(path)?;
    }
    Ok(journal)
}

fn open_last(
    directory: &Directory,
    last: &SoundSegment,
    closed: &[SoundSegment],
) -> Result<Journal, StorageError> {
    let mut file = open_segment(directory, last.number)?;
    let path = directory.file(FileKind::Journal, last.number);
    file.sync().map_err(StorageError::io("synchronize", &path))?;
    let closed: VecDeque<_> = closed.iter().map(|segment| (segment.number, segment.group_bytes())).collect();
    Ok(Journal::open(directory.clone(), closed, last.number, file, last.end))
}

fn truncate(directory: &Directory, cut: &Cut) -> Result<(), StorageError> {
    let mut file = open_segment(directory, cut.segment)?;
    let truncated = file.set_len(cut.offset).and_then(|()| file.sync());
    truncated.map_err(StorageError::io("truncate", &directory.file(FileKind::Journal, cut.segment)))
}

fn open_segment(directory: &Directory, number: u64) -> Result<Box<dyn DiskFile>, StorageError> {
    let path = directory.file(FileKind::Journal, number);
    directory.disk().open(&path).map_err(StorageError::io("open", &path))
}

fn report(plan: Plan) -> Recovery {
    Recovery {
        checkpoint: plan.checkpoint.map(|checkpoint| checkpoint.number),
        checkpoint_entries: plan.checkpoint.map_or(0, |checkpoint| checkpoint.entries),
        checkpoint_bytes: plan.checkpoint.map_or(0, |checkpoint| checkpoint.bytes),
        segments: plan.segments.len(),
        journal_entries: plan.segments.iter().map(|segment| segment.entries).sum(),
        journal_bytes: plan.segments.iter().map(SoundSegment::group_bytes).sum(),
        cuts: plan.segments.iter().filter_map(|segment| segment.cut).collect(),
        damaged_checkpoints: plan.damaged,
    }
}
