//! One event, decoded in place.

use super::{
    error::WireError,
    messages::{Messages, Span},
    reader::{Key, Reader},
};

/// Field numbers of `MetricEvent`.
pub(super) mod field {
    pub(in super::super) const NAME: u32 = 1;
    pub(in super::super) const LABELS: u32 = 2;
    pub(in super::super) const VALUE: u32 = 3;
    pub(in super::super) const OPERATION: u32 = 4;
    pub(in super::super) const TRACE_ID: u32 = 5;
}

/// A `MetricEvent`, well-formed; its texts may not be UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event<'a> {
    /// The metric's name.
    pub name: &'a [u8],
    /// What is recorded.
    pub value: f64,
    /// Number of the operation, possibly none that there is.
    pub operation: i32,
    /// Trace identifier, of any length.
    pub trace_id: &'a [u8],
    message: &'a [u8],
    labels: Span,
}

impl<'a> Event<'a> {
    /// Reads an encoded `MetricEvent`.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let mut event = Self { message, ..Self::default() };
        let mut fields = Reader::new(message);
        while let Some(key) = fields.key()? {
            match key.field {
                field::NAME => event.name = fields.bytes(&key)?,
                field::LABELS => event.check_label(&key, &mut fields)?,
                field::VALUE => event.value = fields.double(&key)?,
                // Bits beyond the field's type are dropped, as everywhere in protobuf.
                field::OPERATION => event.operation = fields.uint64(&key)? as i32,
                field::TRACE_ID => event.trace_id = fields.bytes(&key)?,
                _ => fields.skip(&key)?,
            }
        }
        Ok(event)
    }

    /// The labels as they were sent. Of two with the same name the later counts.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        Labels(self.labels.of(self.message, field::LABELS))
    }

    fn check_label(&mut self, key: &Key, fields: &mut Reader<'a>) -> Result<(), WireError> {
        label(fields.message(key)?)?;
        self.labels.add(key, fields);
        Ok(())
    }
}

/// Name and value of one entry of the map, each empty if absent.
fn label(mut fields: Reader<'_>) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut value) = (&[][..], &[][..]);
    while let Some(key) = fields.key()? {
        match key.field {
            1 => name = fields.bytes(&key)?,
            2 => value = fields.bytes(&key)?,
            _ => fields.skip(&key)?,
        }
    }
    Ok((name, value))
}

/// Names and values of an event's labels.
#[derive(Clone, Debug)]
pub struct Labels<'a>(Messages<'a>);

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        label(self.0.next_reader().ok()??).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Labels<'_> {}
