//! What recovery makes of a damaged directory.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
};

use super::{
    Cut, DamageReason, Directory, Group, Journal, RecoverError, Recovery, Source, StorageError,
    file_kind::FileKind, segment::SEGMENT_HEAD_BYTES, simulated_disk::SimulatedDisk,
};

type Recovered = (Journal, Recovery, Vec<String>);

fn directory(disk: &SimulatedDisk) -> Directory {
    Directory::new(PathBuf::from("/data"), Box::new(disk.clone()), None)
}

fn recover(disk: &SimulatedDisk) -> Result<Recovered, StorageError> {
    let mut entries = Vec::new();
    let recovered = super::recover(&directory(disk), |_, entry| {
        entries.push(String::from_utf8(entry.to_vec()).unwrap());
        Ok::<_, Infallible>(())
    });
    match recovered {
        Ok((journal, recovery)) => Ok((journal, recovery, entries)),
        Err(RecoverError::Storage(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

fn commit(journal: &mut Journal, entries: &[&str]) {
    let mut group = Group::default();
    entries.iter().for_each(|entry| group.push(&[entry.as_bytes()]).unwrap());
    journal.commit(&mut group).unwrap();
}

fn checkpoint(journal: &mut Journal, entries: &[&str]) {
    let number = journal.rotate().unwrap();
    let mut checkpoint = journal.directory().begin_checkpoint(number).unwrap();
    entries.iter().for_each(|entry| checkpoint.push(&[entry.as_bytes()]).unwrap());
    checkpoint.finish().unwrap();
    journal.checkpointed(number);
}

fn segment(number: u64) -> PathBuf {
    Path::new("/data").join(FileKind::Journal.name(number))
}

fn checkpoint_file(number: u64) -> PathBuf {
    Path::new("/data").join(FileKind::Checkpoint.name(number))
}

/// Checkpoint 2 of one entry; segment 2 with groups `b c` and `d`, segment 3 with groups `e` and `f g`.
fn sample() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1, []);
    let (mut journal, ..) = recover(&disk).unwrap();
    commit(&mut journal, &["a"]);
    checkpoint(&mut journal, &["A"]);
    commit(&mut journal, &["b", "c"]);
    commit(&mut journal, &["d"]);
    journal.rotate().unwrap();
    commit(&mut journal, &["e"]);
    commit(&mut journal, &["f", "g"]);
    disk
}

/// The error, after which the directory is as it was.
fn refused(disk: &SimulatedDisk) -> StorageError {
    let before = disk.contents();
    let error = recover(disk).unwrap_err();
    assert_eq!(disk.contents(), before);
    error
}

#[test]
fn the_report_says_what_there_was() {
    let (journal, recovery, entries) = recover(&sample()).unwrap();
    assert_eq!(entries, ["A", "b", "c", "d", "e", "f", "g"]);
    let groups = 4 * 33 + 6 * 10;
    assert_eq!(journal.bytes_since_checkpoint(), groups);
    assert_eq!(
        recovery,
        Recovery {
            checkpoint: Some(2),
            checkpoint_entries: 1,
            checkpoint_bytes: 20 + 10 + 17,
            segments: 2,
            journal_entries: 6,
            journal_bytes: groups,
            cuts: Vec::new(),
            damaged_checkpoints: Vec::new(),
        }
    );
}

#[test]
fn a_torn_group_is_cut_off_as_a_whole() {
    let whole = sample().contents()[&segment(3)].len();
    let first = SEGMENT_HEAD_BYTES as usize + 33 + 10;
    for length in SEGMENT_HEAD_BYTES as usize..whole {
        let disk = sample();
        disk.edit(&segment(3), |content| content.truncate(length));
        let (mut journal, recovery, entries) = recover(&disk).unwrap();
        let end = if length < first { SEGMENT_HEAD_BYTES as usize } else { first };
        assert_eq!(entries.len(), if length < first { 4 } else { 5 });
        let cut: Vec<_> =
            recovery.cuts.iter().map(|cut| (cut.segment, cut.offset as usize, cut.bytes as usize)).collect();
        assert_eq!(cut, if length == end { vec![] } else { vec![(3, end, length - end)] });
        assert_eq!(disk.contents()[&segment(3)].len(), end);
        commit(&mut journal, &["h"]);
        assert_eq!(recover(&disk).unwrap().2.last().unwrap(), "h");
    }
}

#[test]
fn a_changed_byte_loses_the_last_group_at_most() {
    for (path, content) in sample().contents() {
        for at in 0..content.len() {
            let disk = sample();
            disk.edit(&path, |content| content[at] ^= 0x55);
            let Ok((_, recovery, entries)) = recover(&disk) else { continue };
            // The last group may be one of which the crash came before its commit was done.
            assert_eq!(entries, ["A", "b", "c", "d", "e"], "{} {at}", path.display());
            assert_eq!(recovery.cuts.len(), 1);
            assert!(path == segment(3) && at >= content.len() - 33 - 20);
        }
    }
}

#[test]
fn damage_before_a_group_is_no_torn_write_and_the_error_says_how_to_go_on() {
    let head = SEGMENT_HEAD_BYTES as usize;
    for (number, at, kept) in
        [(2, head + 40, 1), (2, head + 53 + 40, 3), (3, head, 4), (3, head + 40, 4), (3, 30, 4)]
    {
        let disk = sample();
        disk.edit(&segment(number), |content| content[at] ^= 1);
        let error = refused(&disk);
        let StorageError::Corrupt { path, damage } = &error else { panic!("{error}") };
        assert_eq!(path, &segment(number));
        let message = error.to_string();
        assert!(message.contains(&format!("truncate the file to {} bytes", damage.offset)), "{message}");
        disk.edit(path, |content| content.truncate(damage.offset as usize));
        let directory = directory(&disk);
        (number + 1..=3).for_each(|later| directory.remove(&segment(later)).unwrap());
        let (mut journal, _, entries) = recover(&disk).unwrap();
        assert_eq!(entries, ["A", "b", "c", "d"][..kept]);
        commit(&mut journal, &["h"]);
        assert_eq!(recover(&disk).unwrap().2.len(), kept + 1);
    }
}

#[test]
fn the_only_segment_can_be_given_up() {
    let disk = SimulatedDisk::new(1, []);
    let (mut journal, ..) = recover(&disk).unwrap();
    checkpoint(&mut journal, &["A"]);
    disk.edit(&segment(2), |content| content[5] = 0);
    assert!(matches!(refused(&disk), StorageError::Corrupt { .. }));
    disk.edit(&segment(2), Vec::clear);
    let (mut journal, _, entries) = recover(&disk).unwrap();
    assert_eq!(entries, ["A"]);
    commit(&mut journal, &["b"]);
    assert_eq!(recover(&disk).unwrap().2, ["A", "b"]);
}

#[test]
fn a_segment_without_its_end_is_told_from_one_that_ends_there() {
    let disk = sample();
    // The last group of the second segment, all of it.
    disk.edit(&segment(2), |content| content.truncate(content.len() - 33 - 10));
    let error = refused(&disk);
    let StorageError::Corrupt { damage, .. } = error else { panic!("{error}") };
    assert!(matches!(damage.reason, DamageReason::Short(_)), "{damage}");
}

#[test]
fn what_a_failed_commit_left_in_a_closed_segment_is_cut() {
    let disk = sample();
    let end = disk.contents()[&segment(2)].len() as u64;
    disk.edit(&segment(2), |content| content.extend_from_within(37..));
    let (_, recovery, entries) = recover(&disk).unwrap();
    assert_eq!(entries.len(), 7);
    let cut = Cut { segment: 2, offset: end, bytes: end - 37, reason: DamageReason::Abandoned };
    assert_eq!(recovery.cuts, [cut]);
    assert_eq!(disk.contents()[&segment(2)].len() as u64, end);
}

#[test]
fn a_missing_segment_is_an_error() {
    for missing in [vec![2], vec![2, 3]] {
        let disk = sample();
        missing.iter().for_each(|number| directory(&disk).remove(&segment(*number)).unwrap());
        let error = refused(&disk).to_string();
        assert!(error.contains("journal-0000000000000002.log: it is missing"), "{error}");
    }
    let disk = sample();
    directory(&disk).remove(&checkpoint_file(2)).unwrap();
    let error = refused(&disk).to_string();
    assert!(error.contains("journal-0000000000000001.log: it is missing"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_done_without_if_that_can_be() {
    let disk = sample();
    disk.edit(&checkpoint_file(2), |content| content.truncate(30));
    let error = refused(&disk).to_string();
    assert!(error.contains("damaged at byte 30: no end marker"), "{error}");
    assert!(error.contains("journal-0000000000000001.log to do without it is missing"), "{error}");

    for older in [true, false] {
        let disk = SimulatedDisk::new(1, []);
        let (mut journal, ..) = recover(&disk).unwrap();
        if older {
            checkpoint(&mut journal, &["A"]);
        }
        commit(&mut journal, &["b"]);
        // Nothing can be deleted, as it may be when the power is cut.
        let number = journal.rotate().unwrap();
        let mut writer = journal.directory().begin_checkpoint(number).unwrap();
        writer.push(&[b"B"]).unwrap();
        disk.set_failures([[false; 4], [true; 4]].concat());
        assert!(writer.finish().unwrap().not_deleted.is_some());
        disk.set_failures([]);
        commit(&mut journal, &["c"]);
        disk.edit(&checkpoint_file(number), |content| content[25] ^= 1);
        let (mut journal, recovery, entries) = recover(&disk).unwrap();
        assert_eq!(entries, if older { vec!["A", "b", "c"] } else { vec!["b", "c"] });
        assert_eq!(recovery.damaged_checkpoints.len(), 1);
        assert_eq!(recovery.damaged_checkpoints[0].number, number);
        // The next one makes the damaged one superfluous.
        checkpoint(&mut journal, &["C"]);
        assert_eq!(disk.contents().len(), 2);
        assert_eq!(recover(&disk).unwrap().2, ["C"]);
    }
}

#[test]
fn an_unknown_version_is_left_alone() {
    for path in [segment(2), segment(3), checkpoint_file(2)] {
        let disk = sample();
        disk.edit(&path, |content| content[8] = 2);
        let error = refused(&disk);
        assert!(matches!(error, StorageError::UnknownVersion { found: 2, .. }), "{error}");
    }
}

#[test]
fn leftovers_are_deleted_and_other_files_are_not() {
    let disk = sample();
    let directory = directory(&disk);
    for (name, stays) in [
        (FileKind::Checkpoint.temporary_name(3), false),
        (FileKind::Journal.temporary_name(4), false),
        (FileKind::Journal.name(1), false),
        ("notes.txt".to_owned(), true),
    ] {
        let path = directory.path().join(name);
        directory.disk().create(&path).unwrap();
        recover(&disk).unwrap();
        assert_eq!(disk.contents().contains_key(&path), stays, "{}", path.display());
    }
}

#[test]
fn an_entry_that_is_refused_changes_nothing() {
    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct No;
    let disk = sample();
    disk.edit(&segment(3), |content| content.truncate(content.len() - 1));
    let before = disk.contents();
    let refusal = |refused| {
        super::recover(&directory(&disk), |source, _| if source == refused { Err(No) } else { Ok(()) })
    };
    for (source, end) in [(Source::Checkpoint(2), 20 + 10), (Source::Segment(3), 37 + 33 + 10)] {
        let error = refusal(source).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("replay the entry before byte {end} of /data/")),
            "{error}"
        );
        assert_eq!(disk.contents(), before);
    }
}
