//! The state at one moment, written out on a thread of its own.

use std::{
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use vision_metrics::CapturedMetric;

use super::entry::{CheckpointEntry, encode};
use crate::{
    ingest::{Ingest, Progress, SeriesTable},
    storage::{CheckpointWriter, Directory, StorageError, Written},
};

/// Everything that is kept, taken between two groups of the journal.
#[derive(Debug)]
pub(super) struct Captured {
    server_epoch: u64,
    metrics: Vec<CapturedMetric>,
    producers: Vec<(Progress, Vec<CheckpointEntry>)>,
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    thread: JoinHandle<Result<(Written, Duration), CheckpointError>>,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("encode the state: {0}")]
    Encode(#[from] postcard::Error),
    #[error("its thread panicked")]
    Panicked,
    #[error("start its thread: {0}")]
    Thread(std::io::Error),
}

impl Captured {
    pub(super) fn of(ingest: &Ingest) -> Self {
        let producers = ingest.producers().everybody();
        Self {
            server_epoch: ingest.epoch(),
            metrics: ingest.registry().capture(),
            producers: producers.iter().map(|producer| producer.progress(numbers)).collect(),
        }
    }

    /// Writes the checkpoint that stands for all segments below `number`.
    pub(super) fn write(self, directory: &Directory, number: u64) -> Result<Written, CheckpointError> {
        let mut writer = directory.begin_checkpoint(number)?;
        let mut push = |entry: &CheckpointEntry| push(&mut writer, entry);
        push(&CheckpointEntry::Life { server_epoch: self.server_epoch })?;
        // Series are paid for by producers, and numbers given to series.
        for (progress, _) in &self.producers {
            push(&CheckpointEntry::Producer(progress.clone()))?;
        }
        for metric in self.metrics {
            let (declared, buckets) = (metric.declared().clone(), metric.buckets().to_vec());
            push(&CheckpointEntry::Metric { declared, buckets })?;
            for series in metric.into_series() {
                push(&CheckpointEntry::Series(series))?;
            }
        }
        for (progress, numbers) in self.producers {
            push(&CheckpointEntry::Numbers(progress.sender))?;
            numbers.iter().try_for_each(&mut push)?;
        }
        Ok(writer.finish()?)
    }

    /// The same on a thread of its own.
    pub(super) fn write_aside(self, directory: Directory, number: u64) -> Result<Writing, CheckpointError> {
        let write = move || {
            let started = Instant::now();
            let written = self.write(&directory, number)?;
            Ok((written, started.elapsed()))
        };
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(write);
        Ok(Writing { thread: thread.map_err(CheckpointError::Thread)? })
    }
}

impl Writing {
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn join(self) -> Result<(Written, Duration), CheckpointError> {
        self.thread.join().unwrap_or(Err(CheckpointError::Panicked))
    }
}

fn push(writer: &mut CheckpointWriter, entry: &CheckpointEntry) -> Result<(), CheckpointError> {
    Ok(writer.push(&[&encode(entry)?])?)
}

fn numbers(table: &SeriesTable) -> Vec<CheckpointEntry> {
    let numbers = table.definitions().map(|(id, metric, series)| {
        let descriptor = metric.descriptor();
        let values = series.label_values().take(descriptor.label_names.len());
        CheckpointEntry::Number {
            id,
            metric: descriptor.name.clone(),
            label_values: values.map(std::borrow::Cow::into_owned).collect(),
        }
    });
    numbers.collect()
}
