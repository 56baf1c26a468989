//! What the journal and a checkpoint hold, as bytes.

use serde::{Deserialize, Serialize};
use vision_metrics::{MetricDescriptor, SeriesState, UnixTime};

use crate::ingest::{Expired, Progress, Sender};

/// An entry of the journal.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum JournalEntry {
    /// The state's life begins.
    Born {
        /// Which life it is.
        server_epoch: u64,
    },
    /// A producer's new run has opened a stream.
    Opened {
        /// The producer.
        id: String,
        /// Its run.
        epoch: u64,
        /// When.
        now: UnixTime,
    },
    /// A batch was taken; the encoded `RecordRequest` follows.
    Batch {
        /// Whose it is.
        sender: Sender,
        /// Of which run.
        epoch: u64,
        /// When it was applied.
        now: UnixTime,
    },
    /// What was idle is dropped.
    Expired(Expired),
    /// Nothing: whether something can be written was all the question.
    Probe,
}

/// An entry of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CheckpointEntry {
    /// Which life of the state this is.
    Life {
        /// As in [`JournalEntry::Born`].
        server_epoch: u64,
    },
    /// A metric; the series up to the next one are its own.
    Metric {
        /// The definition, as it was declared.
        declared: MetricDescriptor,
        /// Bounds of the buckets that its series count in.
        buckets: Vec<f64>,
    },
    /// A series.
    Series(SeriesState),
    /// How far a sender got.
    Producer(Progress),
    /// A sender; the numbers up to the next one are its own.
    Numbers(Sender),
    /// A series that has a number.
    Number {
        /// The number.
        id: u32,
        /// The metric's name.
        metric: String,
        /// The label values.
        label_values: Vec<String>,
    },
}

/// The bytes of an entry.
///
/// # Errors
/// None that these types know; a length that does not fit.
pub(super) fn encode(entry: &impl Serialize) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(entry)
}

/// Reads an entry, and gives what follows it.
///
/// # Errors
/// The bytes are none of an entry.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), postcard::Error> {
    postcard::take_from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;

    #[test]
    fn entries_read_back_with_what_follows() {
        let (now, epoch) = (Duration::from_millis(1_700_000_000_123), u64::MAX);
        for entry in [
            JournalEntry::Born { server_epoch: 7 },
            JournalEntry::Opened { id: "robot".to_owned(), epoch, now },
            JournalEntry::Batch { sender: Sender::Named("robot".to_owned()), epoch, now },
            JournalEntry::Batch { sender: Sender::Anonymous(3), epoch: 0, now },
            JournalEntry::Probe,
        ] {
            let mut bytes = encode(&entry).unwrap();
            bytes.extend_from_slice(b"message");
            let (read, rest): (JournalEntry, _) = decode(&bytes).unwrap();
            assert_eq!((read, rest), (entry, &b"message"[..]));
        }
        assert!(decode::<JournalEntry>(&[99]).is_err());
    }
}
