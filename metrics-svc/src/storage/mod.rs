//! Keeps byte strings through crashes: a journal of committed groups, and checkpoints that stand for its older part.
//!
//! A directory holds
//! - `lock`, locked as long as a process uses the directory;
//! - segments of the journal, `journal-<number, 16 hex digits>.log`;
//! - checkpoints, `checkpoint-<number, 16 hex digits>.ckpt`: number n holds everything of the segments below n.
//!
//! A file begins with 8 bytes of magic, the format's version (u32) and its number (u64); all integers are little-endian.
//! Frames follow: the payload's length (u32), a CRC-32 of length and payload (u32), the payload. Its first byte
//! is a record's kind: an entry; what a segment opens with, which says where its predecessor ends; what a group opens
//! with, which says how many bytes follow; or the end of a checkpoint.
//!
//! What holds:
//! - A file gets its name only when its content up to then is durable, so that no crash leaves a half-made one.
//! - A group is there wholly or not at all. Its first frame is written only when all groups before it are durable:
//!   damage that another group follows is no torn write.
//! - Only the last segment may end in a torn group. The end of each other is told by its successor, and bytes behind it
//!   are of a commit that failed.
//! - Recovery reads everything before it replays anything, and changes nothing before all is replayed.

mod checkpoint;
mod directory;
mod disk;
mod error;
mod file_kind;
mod frame;
mod group;
mod journal;
mod plan;
mod record;
mod recovery;
mod segment;
#[cfg(test)]
mod simulated_disk;
mod sound_segment;

pub use self::{
    checkpoint::{CheckpointWriter, Written},
    directory::Directory,
    error::{Damage, DamageReason, ReadError, RecoverError, StorageError},
    frame::{FrameReader, MAX_PAYLOAD_BYTES, PayloadLengthError, append_frame},
    group::Group,
    journal::Journal,
    record::MAX_ENTRY_BYTES,
    recovery::{Cut, DamagedCheckpoint, Recovery, Source, recover},
    segment::SegmentReader,
};

#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash_tests;
#[cfg(test)]
#[path = "recovery_tests.rs"]
mod recovery_tests;
