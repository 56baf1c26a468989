//! The top level of a batch.

use super::{
    error::{MalformedReason, WireError},
    messages::{Messages, Span},
    reader::{Key, Reader},
    samples::Samples,
};

/// Field numbers of `RecordRequest`.
mod field {
    pub(super) const PRODUCER: u32 = 1;
    pub(super) const SEQUENCE: u32 = 2;
    pub(super) const METRICS: u32 = 3;
    pub(super) const EVENTS: u32 = 4;
    pub(super) const SERIES: u32 = 5;
    pub(super) const SAMPLES: u32 = 6;
}

/// A batch whose top level, producer and samples are known to be well-formed.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    message: &'a [u8],
    producer: Option<Producer<'a>>,
    sequence: u64,
    metrics: Span,
    events: Span,
    series: Span,
    samples: Samples<'a>,
}

/// Who sent a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Producer<'a> {
    /// Its name.
    pub id: &'a str,
    /// Number of its run.
    pub epoch: u64,
}

impl<'a> Batch<'a> {
    /// Reads an encoded `RecordRequest` of any length, once, and keeps references to its parts.
    ///
    /// # Errors
    /// When the top level, a producer or samples are malformed. What the metrics, events and series definitions have
    /// in them is not looked at.
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let mut batch = Self { message, samples: Samples::new(message), ..Self::default() };
        let mut fields = Reader::new(message);
        while let Some(key) = fields.key()? {
            batch.read(&key, &mut fields)?;
        }
        Ok(batch)
    }

    #[inline]
    fn read(&mut self, key: &Key, fields: &mut Reader<'a>) -> Result<(), WireError> {
        let span = match key.field {
            field::EVENTS => &mut self.events,
            field::METRICS => &mut self.metrics,
            field::SERIES => &mut self.series,
            field::PRODUCER => return self.producer.get_or_insert_default().merge(fields.message(key)?),
            field::SEQUENCE => return fields.uint64(key).map(|sequence| self.sequence = sequence),
            field::SAMPLES => return self.samples.add(key, fields),
            _ => return fields.skip(key),
        };
        fields.bytes(key)?;
        span.add(key, fields);
        Ok(())
    }

    /// Who sent the batch, if it says so.
    #[must_use]
    pub fn producer(&self) -> Option<Producer<'a>> {
        self.producer
    }

    /// Number of the batch, 0 if it has none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Each an encoded `MetricDescriptor`, possibly malformed.
    #[must_use]
    pub fn metrics(&self) -> Messages<'a> {
        self.metrics.of(self.message, field::METRICS)
    }

    /// Each an encoded `MetricEvent`, possibly malformed, see [`Event`](super::Event).
    #[must_use]
    pub fn events(&self) -> Messages<'a> {
        self.events.of(self.message, field::EVENTS)
    }

    /// Each an encoded `SeriesDefinition`, possibly malformed.
    #[must_use]
    pub fn series(&self) -> Messages<'a> {
        self.series.of(self.message, field::SERIES)
    }

    /// The packed samples, empty if there are none.
    #[must_use]
    pub fn samples(&self) -> Samples<'a> {
        self.samples
    }
}

impl<'a> Producer<'a> {
    const ID: u32 = 1;
    const EPOCH: u32 = 2;

    /// Takes in what a further occurrence of the message has.
    fn merge(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        while let Some(key) = fields.key()? {
            match key.field {
                Self::ID => self.id = text(fields.bytes(&key)?, &key)?,
                Self::EPOCH => self.epoch = fields.uint64(&key)?,
                _ => fields.skip(&key)?,
            }
        }
        Ok(())
    }
}

fn text<'a>(bytes: &'a [u8], key: &Key) -> Result<&'a str, WireError> {
    let invalid = WireError { offset: key.offset, reason: MalformedReason::ProducerId };
    str::from_utf8(bytes).map_err(|_| invalid)
}
