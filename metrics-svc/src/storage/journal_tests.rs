//! On a real file system.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, fs, thread};

use super::*;
use crate::storage::{Source, recover};

fn open(directory: &Directory) -> (Journal, Vec<(Source, Vec<u8>)>) {
    let mut entries = Vec::new();
    let recovered = recover(directory, |source, entry| {
        entries.push((source, entry.to_vec()));
        Ok::<_, Infallible>(())
    });
    (recovered.unwrap().0, entries)
}

#[test]
fn entries_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::lock(&folder.path().join("a/b")).unwrap();
    let (mut journal, entries) = open(&directory);
    assert_eq!(entries, []);
    let mut group = Group::default();
    // The group is used again, and one without entries is none.
    for count in [2, 0, 1] {
        group.clear();
        (0..count).for_each(|entry| group.push(&[b"entry ", &[b'0' + entry], b""]).unwrap());
        journal.commit(&mut group).unwrap();
    }
    assert_eq!(journal.rotate().unwrap(), 2);
    group.push(&[]).unwrap();
    journal.commit(&mut group).unwrap();
    let expected: Vec<_> =
        [(1, &b"entry 0"[..]), (1, b"entry 1"), (1, b"entry 0"), (2, b"entry 0"), (2, b"")]
            .map(|(segment, entry)| (Source::Segment(segment), entry.to_vec()))
            .into();
    assert_eq!(open(&directory).1, expected);
}

#[test]
fn bytes_count_until_a_checkpoint_stands_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::lock(folder.path()).unwrap();
    let (mut journal, _) = open(&directory);
    let mut group = Group::default();
    group.push(&[b"entry"]).unwrap();
    let bytes = group.bytes() as u64;
    assert_eq!(journal.bytes_since_checkpoint(), 0);
    journal.commit(&mut group).unwrap();
    let number = journal.rotate().unwrap();
    journal.commit(&mut group).unwrap();
    assert_eq!(journal.bytes_since_checkpoint(), 2 * bytes);
    // On another thread, while the journal goes on.
    let cut = journal.directory().clone();
    let writer = thread::spawn(move || {
        let mut checkpoint = cut.begin_checkpoint(number).unwrap();
        checkpoint.push(&[b"state"]).unwrap();
        checkpoint.finish().unwrap()
    });
    journal.commit(&mut group).unwrap();
    let written = writer.join().unwrap();
    assert_eq!((written.entries, written.deleted), (1, 1));
    journal.checkpointed(number);
    assert_eq!(journal.bytes_since_checkpoint(), 2 * bytes);
    drop(journal);
    let (journal, entries) = open(&directory);
    assert_eq!(journal.bytes_since_checkpoint(), 2 * bytes);
    let sources: Vec<_> = entries.iter().map(|(source, _)| *source).collect();
    assert_eq!(sources, [Source::Checkpoint(2), Source::Segment(2), Source::Segment(2)]);
}

#[test]
fn a_directory_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::lock(folder.path()).unwrap();
    let clone = directory.clone();
    drop(directory);
    let error = Directory::lock(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("lock: another process uses the directory"), "{error}");
    drop(clone);
    Directory::lock(folder.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Directory::lock(&file.join("data")).unwrap_err().to_string();
    assert!(error.starts_with(&format!("create {}: ", file.display())), "{error}");
}
