//! Columns of series numbers and values.

use super::{
    error::{MalformedReason, WireError},
    messages::{Messages, Span},
    reader::{Key, Reader, WireType},
};

/// Field number of `RecordRequest.samples`.
const SAMPLES: u32 = 6;
const SERIES_ID: u32 = 1;
const VALUE: u32 = 2;

/// Packed samples of a batch, known to be well-formed; the columns may differ in length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples<'a> {
    message: &'a [u8],
    span: Span,
    ids: usize,
    values: usize,
}

impl<'a> Samples<'a> {
    /// No samples yet of an encoded `RecordRequest`.
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, ..Self::default() }
    }

    /// Checks and takes in one `RecordRequest.samples`.
    pub(super) fn add(&mut self, key: &Key, request: &mut Reader<'a>) -> Result<(), WireError> {
        let mut fields = request.message(key)?;
        self.span.add(key, request);
        while let Some(key) = fields.key()? {
            match key.field {
                SERIES_ID => self.ids += ids_in(&key, &mut fields)?,
                VALUE => self.values += values_in(&key, &mut fields)?,
                _ => fields.skip(&key)?,
            }
        }
        Ok(())
    }

    /// How many series numbers there are.
    #[must_use]
    pub fn id_count(&self) -> usize {
        self.ids
    }

    /// How many values there are.
    #[must_use]
    pub fn value_count(&self) -> usize {
        self.values
    }

    /// The series numbers, of which the wire may have had more bits.
    #[must_use]
    pub fn ids(&self) -> Ids<'a> {
        Ids { chunk: &[], chunks: self.chunks(SERIES_ID) }
    }

    /// The values, of any kind: infinite, not a number.
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        Values { chunk: &[], chunks: self.chunks(VALUE) }
    }

    /// Each series number with its value, as many as the shorter column has.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f64)> + use<'a> {
        self.ids().zip(self.values())
    }

    fn chunks(&self, field: u32) -> Chunks<'a> {
        let messages = self.span.of(self.message, SAMPLES);
        Chunks { messages, fields: Reader::default(), field }
    }
}

/// How many integers an occurrence of `series_id` has, packed or not.
fn ids_in(key: &Key, fields: &mut Reader<'_>) -> Result<usize, WireError> {
    match key.wire_type {
        WireType::Varint => fields.varint().map(|_| 1),
        WireType::Bytes => count_varints(fields.message(key)?),
        _ => Err(key.mismatch()),
    }
}

/// How many integers a chunk has. One that is too long has nine bytes in a row with a continuation bit, hence four in
/// a row that start at a multiple of four.
fn count_varints(mut chunk: Reader<'_>) -> Result<usize, WireError> {
    let bytes = chunk.rest();
    let whole = bytes.last().is_none_or(|byte| *byte < 0x80);
    let four = |four: &[u8]| four.iter().fold(true, |all, byte| all & (*byte >= 0x80));
    if whole && !bytes.chunks_exact(4).fold(false, |any, bytes| any | four(bytes)) {
        return Ok(bytes.iter().filter(|byte| **byte < 0x80).count());
    }
    let mut count = 0;
    while !chunk.rest().is_empty() {
        chunk.varint()?;
        count += 1;
    }
    Ok(count)
}

/// How many doubles an occurrence of `value` has, packed or not.
fn values_in(key: &Key, fields: &mut Reader<'_>) -> Result<usize, WireError> {
    match key.wire_type {
        WireType::Fixed64 => fields.double(key).map(|_| 1),
        WireType::Bytes => match fields.bytes(key)?.len() {
            length if length % 8 == 0 => Ok(length / 8),
            length => Err(WireError { offset: key.offset, reason: MalformedReason::Doubles(length) }),
        },
        _ => Err(key.mismatch()),
    }
}

/// The encoded numbers of a column, as they lie together.
#[derive(Clone, Debug)]
struct Chunks<'a> {
    messages: Messages<'a>,
    fields: Reader<'a>,
    field: u32,
}

impl<'a> Chunks<'a> {
    /// The next chunk, which may be empty. No error comes: the fields were read once before.
    fn read(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        loop {
            let Some(key) = self.fields.key()? else {
                match self.messages.next_reader()? {
                    Some(fields) => self.fields = fields,
                    None => return Ok(None),
                }
                continue;
            };
            if key.field == self.field && key.wire_type == WireType::Bytes {
                return self.fields.bytes(&key).map(Some);
            }
            let payload = self.fields.rest();
            self.fields.skip(&key)?;
            if key.field == self.field {
                return Ok(payload.get(..payload.len() - self.fields.rest().len()));
            }
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.read().ok()?
    }
}

/// Series numbers of packed samples.
#[derive(Clone, Debug)]
pub struct Ids<'a> {
    chunk: &'a [u8],
    chunks: Chunks<'a>,
}

impl<'a> Ids<'a> {
    /// The first number of what is left of the chunk, and what is left then.
    #[inline]
    fn split_first(chunk: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let low = |byte: u8| u32::from(byte & 0x7f);
        match *chunk {
            [a @ ..0x80, ref rest @ ..] => Some((low(a), rest)),
            [a, b @ ..0x80, ref rest @ ..] => Some((low(a) | low(b) << 7, rest)),
            [a, b, c @ ..0x80, ref rest @ ..] => Some((low(a) | low(b) << 7 | low(c) << 14, rest)),
            _ => {
                let mut chunk = Reader::new(chunk);
                // Bits beyond the field's type are dropped, as everywhere in protobuf.
                chunk.varint().ok().map(|id| (id as u32, chunk.rest()))
            }
        }
    }
}

impl Iterator for Ids<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        while self.chunk.is_empty() {
            self.chunk = self.chunks.next()?;
        }
        let (id, rest) = Self::split_first(self.chunk)?;
        self.chunk = rest;
        Some(id)
    }
}

/// Values of packed samples.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    chunk: &'a [u8],
    chunks: Chunks<'a>,
}

impl<'a> Values<'a> {
    /// The first value of what is left of the chunk, and what is left then.
    #[inline]
    fn split_first(chunk: &'a [u8]) -> Option<(f64, &'a [u8])> {
        let (value, rest) = chunk.split_first_chunk()?;
        Some((f64::from_le_bytes(*value), rest))
    }
}

impl Iterator for Values<'_> {
    type Item = f64;

    #[inline]
    fn next(&mut self) -> Option<f64> {
        while self.chunk.is_empty() {
            self.chunk = self.chunks.next()?;
        }
        let (value, rest) = Self::split_first(self.chunk)?;
        self.chunk = rest;
        Some(value)
    }
}
