//! What was committed is there, and nothing else, whatever call fails and whenever the power is cut.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, path::PathBuf};

use proptest::prelude::*;

use super::{Directory, Group, Journal, simulated_disk::SimulatedDisk};

#[derive(Clone, Debug)]
enum Step {
    /// Commits a group of entries of these lengths.
    Commit(Vec<usize>),
    /// Cuts, commits a group of one entry, and writes the checkpoint of what was there at the cut.
    Checkpoint,
    /// Ends the process, and lets these calls of the next fail.
    Restart(Vec<bool>),
    /// Cuts the power.
    Crash(Vec<bool>),
    /// Lets these calls fail.
    Fail(Vec<bool>),
}

fn step() -> impl Strategy<Value = Step> {
    let failures = || prop::collection::vec(prop::bool::weighted(0.3), 0..12);
    prop_oneof![
        6 => prop::collection::vec(0..90_usize, 0..4).prop_map(Step::Commit),
        2 => Just(Step::Checkpoint),
        1 => failures().prop_map(Step::Restart),
        1 => failures().prop_map(Step::Crash),
        3 => failures().prop_map(Step::Fail),
    ]
}

type Entries = Vec<Vec<u8>>;

struct Run {
    disk: SimulatedDisk,
    journal: Journal,
    /// The entries that must be there.
    committed: Entries,
    /// Those that may be there besides: all or none.
    undecided: Entries,
    made: usize,
}

fn recover(disk: &SimulatedDisk) -> Option<(Journal, Entries)> {
    let directory = Directory::new(PathBuf::from("/data"), Box::new(disk.clone()), None);
    let mut entries = Entries::new();
    let recovered = super::recover(&directory, |_, entry| {
        entries.push(entry.to_vec());
        Ok::<_, Infallible>(())
    });
    match recovered {
        Ok((journal, recovery)) => {
            assert_eq!(journal.bytes_since_checkpoint(), recovery.journal_bytes);
            assert_eq!(entries.len() as u64, recovery.checkpoint_entries + recovery.journal_entries);
            Some((journal, entries))
        }
        Err(error) => {
            assert!(error.to_string().ends_with("simulated"), "{error}");
            None
        }
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed, []);
        let (journal, entries) = recover(&disk).unwrap();
        Self { disk, journal, committed: entries, undecided: Entries::new(), made: 0 }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit(lengths) => self.commit(&lengths),
            Step::Checkpoint => self.checkpoint(),
            Step::Fail(failures) => self.disk.set_failures(failures),
            // After a failure that is not repaired, the system may show what it takes for written and is not.
            Step::Restart(failures) => self.restart(failures, !self.journal.is_sound()),
            Step::Crash(failures) => self.restart(failures, true),
        }
    }

    fn commit(&mut self, lengths: &[usize]) {
        let mut group = Group::default();
        let mut entries = Entries::new();
        for length in lengths {
            self.made += 1;
            let (number, filling) = (self.made.to_le_bytes(), vec![self.made as u8; *length]);
            group.push(&[&number, &filling]).unwrap();
            entries.push([&number[..], &filling].concat());
        }
        let committed = self.journal.commit(&mut group);
        if committed.is_ok() {
            self.committed.append(&mut entries);
        }
        if self.journal.is_sound() {
            self.undecided.clear();
        } else if self.undecided.is_empty() {
            // Until the journal is repaired no further group is written.
            self.undecided = entries;
        }
    }

    fn checkpoint(&mut self) {
        let number = self.journal.rotate();
        if self.journal.is_sound() {
            self.undecided.clear();
        }
        let Ok(number) = number else { return };
        let entries = self.committed.clone();
        self.commit(&[1]);
        let written = self.journal.directory().begin_checkpoint(number).and_then(|mut checkpoint| {
            entries.iter().try_for_each(|entry| checkpoint.push(&[entry]))?;
            checkpoint.finish()
        });
        if written.is_ok_and(|written| written.entries == entries.len() as u64) {
            self.journal.checkpointed(number);
        }
    }

    /// Ends the process and starts it until it is up.
    fn restart(&mut self, failures: Vec<bool>, crash: bool) {
        if crash {
            self.disk.crash();
        }
        self.disk.set_failures(failures);
        let (journal, entries) = loop {
            if let Some(up) = recover(&self.disk) {
                break up;
            }
        };
        self.journal = journal;
        let undecided = std::mem::take(&mut self.undecided);
        if entries.len() > self.committed.len() {
            self.committed.extend(undecided);
        }
        assert_eq!(entries, self.committed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn recovery_finds_what_was_committed(
        seed in 1..u64::MAX,
        steps in prop::collection::vec(step(), 0..25),
        crash: bool,
    ) {
        let mut run = Run::new(seed);
        steps.into_iter().for_each(|step| run.step(step));
        // With room again, nothing stays undecided.
        run.disk.set_failures([]);
        run.commit(&[3]);
        assert!(run.undecided.is_empty() && run.journal.is_sound());
        run.restart(Vec::new(), crash);
    }
}

#[test]
fn what_the_system_shows_is_durable_before_it_is_built_upon() {
    // A new segment, then a checkpoint, gets its name but not durably, and the process ends.
    for (seed, new_segment) in (1..200).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut run = Run::new(seed);
        run.commit(&[1, 2]);
        let rename_only = [false, false, false, false, true];
        if new_segment {
            run.disk.set_failures(rename_only);
            run.journal.rotate().unwrap_err();
        } else {
            let number = run.journal.rotate().unwrap();
            run.disk.set_failures(rename_only);
            let mut checkpoint = run.journal.directory().begin_checkpoint(number).unwrap();
            run.committed.iter().for_each(|entry| checkpoint.push(&[entry]).unwrap());
            checkpoint.finish().unwrap_err();
        }
        run.restart(Vec::new(), false);
        run.commit(&[3]);
        run.restart(Vec::new(), true);
    }
}

#[test]
fn a_full_disk_recovers_by_itself() {
    let mut run = Run::new(1);
    run.commit(&[1]);
    // The write, the truncation, then whatever is tried instead.
    run.disk.set_failures([true; 30]);
    for _ in 0..3 {
        run.commit(&[2]);
        assert!(!run.journal.is_sound());
    }
    run.disk.set_failures([]);
    run.commit(&[3]);
    assert!(run.journal.is_sound());
    assert_eq!((run.committed.len(), run.journal.segment()), (2, 1));
    run.restart(Vec::new(), false);
}

#[test]
fn after_a_failed_synchronization_another_segment_is_written() {
    let mut run = Run::new(1);
    run.commit(&[1]);
    run.disk.set_failures([false, true]);
    run.commit(&[2]);
    assert_eq!((run.journal.is_sound(), run.journal.segment()), (true, 2));
    run.commit(&[3]);
    assert_eq!(run.committed.len(), 2);
    run.restart(Vec::new(), true);
}
