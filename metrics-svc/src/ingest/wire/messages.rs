//! A repeated field, left encoded.

use super::{
    error::WireError,
    reader::{Key, Reader},
};

/// Where the occurrences of a field are: from the first one's key to the end of the last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: usize,
    end: usize,
    count: usize,
}

impl Span {
    /// Takes an occurrence in, which the reader has just passed.
    pub(super) fn add(&mut self, key: &Key, reader: &Reader<'_>) {
        if self.count == 0 {
            self.start = key.offset;
        }
        self.end = reader.offset();
        self.count += 1;
    }

    /// The occurrences of field number `field` in the message that they were found in.
    pub(super) fn of<'a>(&self, message: &'a [u8], field: u32) -> Messages<'a> {
        let fields = message.get(self.start..self.end).unwrap_or_default();
        Messages { fields: Reader::new(fields), field, left: self.count }
    }
}

/// The encoded occurrences of a repeated field, in their order.
#[derive(Clone, Debug, Default)]
pub struct Messages<'a> {
    fields: Reader<'a>,
    field: u32,
    left: usize,
}

impl<'a> Messages<'a> {
    /// The next occurrence, read with the message's other fields. No error comes: the fields were read once before.
    #[inline]
    pub(super) fn next_reader(&mut self) -> Result<Option<Reader<'a>>, WireError> {
        while let Some(key) = self.fields.key()? {
            if key.field == self.field {
                self.left -= 1;
                return self.fields.message(&key).map(Some);
            }
            self.fields.skip(&key)?;
        }
        Ok(None)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_reader().ok()??.rest())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Messages<'_> {}
