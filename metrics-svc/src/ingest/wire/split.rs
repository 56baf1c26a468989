//! An event taken apart without decoding what it is about.

use super::{
    event::{Event, field},
    reader::Reader,
};

/// Keys of the event's fields as encoders write them: the number, then the wire type in three bits.
const NAME: u8 = (field::NAME as u8) << 3 | 2;
const LABEL: u8 = (field::LABELS as u8) << 3 | 2;
const VALUE: u8 = (field::VALUE as u8) << 3 | 1;
const OPERATION: u8 = (field::OPERATION as u8) << 3;
const TRACE_ID: u8 = (field::TRACE_ID as u8) << 3 | 2;

/// Bytes of a trace identifier that is one.
const TRACE_ID_BYTES: u8 = 16;

/// An event of the usual form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split<'a> {
    /// The encoded name and labels, possibly malformed. Equal bytes mean the same name and labels, while the same name
    /// and labels may have several encodings.
    pub identity: &'a [u8],
    /// What is recorded.
    pub value: f64,
    /// Number of the operation, possibly none that there is.
    pub operation: i32,
    /// Trace identifier, of any length.
    pub trace_id: &'a [u8],
}

impl<'a> Event<'a> {
    /// Takes an encoded `MetricEvent` apart whose fields come in the order of their numbers, as encoders write them:
    /// at most one name, labels, and at most one value, operation and trace identifier, nothing else.
    ///
    /// Nothing is told of any other event; [`parse`](Self::parse) may still read it.
    #[inline]
    #[must_use]
    pub fn split(message: &'a [u8]) -> Option<Split<'a>> {
        let mut end = 0;
        if message.first() == Some(&NAME) {
            end = delimited_end(message, end)?;
        }
        while message.get(end) == Some(&LABEL) {
            end = delimited_end(message, end)?;
        }
        let (identity, rest) = message.split_at_checked(end)?;
        Split::new(identity).read(rest)
    }
}

impl<'a> Split<'a> {
    fn new(identity: &'a [u8]) -> Self {
        Self { identity, value: 0.0, operation: 0, trace_id: &[] }
    }

    /// Reads the fields after the identity.
    #[inline]
    fn read(mut self, mut rest: &'a [u8]) -> Option<Self> {
        if let Some(([VALUE, value @ ..], after)) = rest.split_first_chunk::<9>() {
            self.value = f64::from_le_bytes(*value);
            rest = after;
        }
        if let [OPERATION, after @ ..] = rest {
            let mut after = Reader::new(after);
            self.operation = after.varint().ok()? as i32;
            rest = after.rest();
        }
        if let [TRACE_ID, after @ ..] = rest {
            let mut after = Reader::new(after);
            self.trace_id = after.delimited().ok()?;
            rest = after.rest();
        }
        rest.is_empty().then_some(self)
    }

    /// Takes off from the end what looks like the fields after the identity, without looking at the identity.
    ///
    /// What is left may not be the identity: the end of a text looks like a value now and then. But where it is the
    /// identity of some event, the message begins with that, and what was taken off are the fields after it.
    #[inline]
    pub(super) fn guess(message: &'a [u8]) -> Self {
        let mut split = Self::new(message);
        if split.take_value() {
            return split;
        }
        if let Some((rest, [TRACE_ID, TRACE_ID_BYTES, trace_id @ ..])) =
            split.identity.split_last_chunk::<18>()
        {
            (split.identity, split.trace_id) = (rest, trace_id);
        }
        if split.take_value() {
            return split;
        }
        if let [rest @ .., OPERATION, operation @ ..0x80] = split.identity {
            (split.identity, split.operation) = (rest, (*operation).into());
        }
        split.take_value();
        split
    }

    #[inline]
    fn take_value(&mut self) -> bool {
        let Some((rest, [VALUE, value @ ..])) = self.identity.split_last_chunk::<9>() else {
            return false;
        };
        (self.identity, self.value) = (rest, f64::from_le_bytes(*value));
        true
    }
}

/// Where a field with a length ends whose key, one byte, is at `start`; possibly after the message.
#[inline]
fn delimited_end(message: &[u8], start: usize) -> Option<usize> {
    match *message.get(start + 1)? {
        length @ ..0x80 => Some(start + 2 + usize::from(length)),
        _ => {
            let mut rest = Reader::new(message.get(start + 1..)?);
            let length = usize::try_from(rest.varint().ok()?).ok()?;
            (start + 1 + rest.offset()).checked_add(length)
        }
    }
}
