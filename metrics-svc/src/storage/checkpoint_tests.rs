#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, fs};

use super::*;
use crate::storage::{Group, Journal, recover, simulated_disk::SimulatedDisk};

fn journal(disk: &SimulatedDisk) -> Journal {
    let directory = Directory::new(PathBuf::from("/data"), Box::new(disk.clone()), None);
    recover(&directory, |_, _| Ok::<_, Infallible>(())).unwrap().0
}

fn write(directory: &Directory, number: u64) -> Result<Written, StorageError> {
    let mut checkpoint = directory.begin_checkpoint(number)?;
    let entry = vec![7; BUFFER_BYTES / 2];
    (0..3).try_for_each(|_| checkpoint.push(&[&entry]))?;
    checkpoint.finish()
}

#[test]
fn a_failure_leaves_everything_as_it_was() {
    let disk = SimulatedDisk::new(1, []);
    let mut journal = journal(&disk);
    let directory = journal.directory().clone();
    let first = journal.rotate().unwrap();
    write(&directory, first).unwrap();
    let mut group = Group::default();
    group.push(&[b"entry"]).unwrap();
    journal.commit(&mut group).unwrap();
    let second = journal.rotate().unwrap();
    let before = disk.contents();
    // Creating, writing twice, synchronizing, renaming; then the directory.
    for call in 0..6 {
        disk.set_failures((0..=call).map(|index| index == call));
        write(&directory, second).unwrap_err();
        let mut left = disk.contents();
        let named = left.remove(&directory.file(FileKind::Checkpoint, second));
        assert!(named.is_none() || call >= 4);
        assert_eq!(left, before, "call {call}");
    }
    assert_eq!(write(&directory, second).unwrap().deleted, 2);
    assert_eq!(disk.contents().len(), 2);
}

#[test]
fn without_its_end_a_checkpoint_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::lock(folder.path()).unwrap();
    let (mut journal, _) = recover(&directory, |_, _| Ok::<_, Infallible>(())).unwrap();
    let number = journal.rotate().unwrap();
    let mut checkpoint = directory.begin_checkpoint(number).unwrap();
    checkpoint.push(&[b"a", b"b"]).unwrap();
    checkpoint.push(&[b"c"]).unwrap();
    let written = checkpoint.finish().unwrap();
    let bytes = fs::read(directory.file(FileKind::Checkpoint, number)).unwrap();
    assert_eq!(bytes.len() as u64, written.bytes);

    let read = |bytes: &[u8]| -> Result<u64, ReadError> {
        let mut reader = CheckpointReader::open(bytes, number)?;
        while reader.read()?.is_some() {}
        Ok(reader.entries())
    };
    assert_eq!(read(&bytes).unwrap(), 2);
    (0..bytes.len()).for_each(|length| assert!(read(&bytes[..length]).is_err(), "{length}"));
    // Nor is one that goes on, or lacks an entry.
    assert!(read(&[&bytes[..], &bytes[20..]].concat()).is_err());
    assert!(read(&[&bytes[..20], &bytes[31..]].concat()).is_err());
}

#[test]
fn a_checkpoint_is_of_a_segment_that_is_there() {
    let disk = SimulatedDisk::new(1, []);
    let journal = journal(&disk);
    let error = journal.directory().begin_checkpoint(2).unwrap_err();
    assert!(matches!(error, StorageError::MissingSegment(_)), "{error}");
}
