//! What the journal tells about itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::metrics::{Counter, Histogram, Meter};

/// Upper bounds of the duration of one commit, in seconds.
const COMMIT_SECONDS: [f64; 9] = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.025, 0.1, 1.0];
/// Upper bounds of the duration of one checkpoint, in seconds.
const CHECKPOINT_SECONDS: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0];

/// Instruments of the journal.
#[derive(Debug)]
pub(super) struct JournalTelemetry {
    commits: Histogram<f64>,
    failures: Counter<u64>,
    checkpoints: Histogram<f64>,
    bytes: Arc<AtomicU64>,
}

impl JournalTelemetry {
    pub(super) fn new(meter: &Meter) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let observed = Arc::clone(&bytes);
        meter
            .u64_observable_gauge("journal_size")
            .with_unit("By")
            .with_description("Journal that no checkpoint stands for.")
            .with_callback(move |gauge| gauge.observe(observed.load(Relaxed), &[]))
            .build();
        let duration = |name, bounds: &[f64], description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_boundaries(bounds.to_vec())
                .with_description(description)
                .build()
        };
        Self {
            commits: duration("journal_commit_duration", &COMMIT_SECONDS, "Time to make one group durable."),
            failures: meter
                .u64_counter("journal_failures")
                .with_description("Groups and checkpoints that could not be made durable.")
                .build(),
            checkpoints: duration(
                "checkpoint_duration",
                &CHECKPOINT_SECONDS,
                "Time to write one checkpoint.",
            ),
            bytes,
        }
    }

    pub(super) fn committed(&self, took: Duration) {
        self.commits.record(took.as_secs_f64(), &[]);
    }

    pub(super) fn failed(&self) {
        self.failures.add(1, &[]);
    }

    pub(super) fn checkpointed(&self, took: Duration) {
        self.checkpoints.record(took.as_secs_f64(), &[]);
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }
}
