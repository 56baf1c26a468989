//! What of a batch was not applied, and why.

use std::collections::BTreeMap;

use vision_metrics::{LabelError, RegisterError, ValueError};
use vision_proto::metrics::v1::{Rejection, RejectionReason, rejection::Subject};

/// Rejections listed in one response; the rest is counted.
const MAX_LISTED: usize = 100;
/// Messages of one response, in bytes, past which further rejections are counted only: a sender that does not read its
/// responses keeps several in memory.
const MAX_LISTED_BYTES: usize = 16 * 1024;
/// Longest message, in bytes: names that a sender made up may be as long as its message.
const MAX_MESSAGE_BYTES: usize = 512;

/// Why one part of a batch is rejected.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: RejectionReason,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(reason: RejectionReason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message }
    }

    pub(super) fn unknown_metric(name: &str) -> Self {
        let message = format!("metric {name:?} is not declared");
        Self::new(RejectionReason::UnknownMetric, message)
    }
}

impl From<LabelError> for Refusal {
    fn from(error: LabelError) -> Self {
        Self::new(RejectionReason::LabelMismatch, error.to_string())
    }
}

impl From<ValueError> for Refusal {
    fn from(error: ValueError) -> Self {
        Self::new(RejectionReason::InvalidValue, error.to_string())
    }
}

impl From<RegisterError> for Refusal {
    fn from(error: RegisterError) -> Self {
        let reason = match &error {
            RegisterError::Invalid(invalid) if invalid.concerns_name() => RejectionReason::InvalidName,
            RegisterError::Full { .. } => RejectionReason::CardinalityLimit,
            _ => RejectionReason::DescriptorConflict,
        };
        Self::new(reason, error.to_string())
    }
}

/// The rejections of one batch: a bounded list and a count by reason.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    listed: Vec<Rejection>,
    /// Bytes of the messages listed.
    listed_bytes: usize,
    unlisted: u64,
    by_reason: BTreeMap<&'static str, u64>,
}

impl Rejections {
    pub(super) fn add(&mut self, subject: Option<Subject>, refusal: Refusal) {
        let Refusal { reason, mut message } = refusal;
        *self.by_reason.entry(short_name(reason)).or_default() += 1;
        if self.listed.len() == MAX_LISTED || self.listed_bytes >= MAX_LISTED_BYTES {
            self.unlisted += 1;
            return;
        }
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.shrink_to_fit();
        self.listed_bytes += message.len();
        self.listed.push(Rejection { subject, reason: reason.into(), message });
    }

    /// How many parts were rejected, for each reason.
    pub(super) fn by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.by_reason.iter().map(|(reason, count)| (*reason, *count))
    }

    /// The listed rejections and how many more there were.
    pub(super) fn into_parts(self) -> (Vec<Rejection>, u64) {
        (self.listed, self.unlisted)
    }
}

fn short_name(reason: RejectionReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REJECTION_REASON_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_messages_are_bounded() {
        let mut rejections = Rejections::default();
        for index in 0..MAX_LISTED as u32 + 5 {
            rejections.add(Some(Subject::EventIndex(index)), Refusal::unknown_metric("short"));
        }
        assert_eq!(rejections.by_reason().collect::<Vec<_>>(), [("UNKNOWN_METRIC", 105)]);
        let (listed, unlisted) = rejections.into_parts();
        assert_eq!((listed.len(), unlisted), (MAX_LISTED, 5));
    }

    #[test]
    fn long_messages_are_cut_and_few() {
        let mut rejections = Rejections::default();
        for index in 0..MAX_LISTED as u32 {
            rejections.add(Some(Subject::EventIndex(index)), Refusal::unknown_metric(&"é".repeat(1000)));
        }
        let (listed, unlisted) = rejections.into_parts();
        assert!(listed.iter().all(|rejection| rejection.message.len() <= MAX_MESSAGE_BYTES));
        assert_eq!(listed.len(), MAX_LISTED_BYTES.div_ceil(MAX_MESSAGE_BYTES));
        assert_eq!(unlisted as usize, MAX_LISTED - listed.len());
    }
}
