//! Reads the fields of one message in place.

use super::error::{MalformedReason, WireError};

/// Groups that may be open in one another, as in prost.
const MAX_NESTING: u32 = 100;

/// How a field is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    GroupStart = 3,
    GroupEnd = 4,
    Fixed32 = 5,
}

/// What stands before a field's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Number of the field, from 1.
    pub(super) field: u32,
    pub(super) wire_type: WireType,
    /// Where the key stands, in bytes from the start of the outermost message.
    pub(super) offset: usize,
}

/// Position in a message.
///
/// A method named after a type reads the payload of the key just read and refuses another wire type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Where the message ends, in bytes from the start of the outermost message.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, end: message.len() }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes read since the start of the outermost message.
    pub(super) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field's key, or nothing at the end of the message.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<Key>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.offset();
        let key = self.varint()?;
        let invalid = WireError { offset, reason: MalformedReason::Key(key) };
        let field = match u32::try_from(key) {
            Ok(key @ 8..) => key >> 3,
            _ => return Err(invalid),
        };
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            _ => return Err(invalid),
        };
        Ok(Some(Key { field, wire_type, offset }))
    }

    /// An integer of variable length, the least significant seven bits first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(self.error(MalformedReason::Varint));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(self.error(MalformedReason::Truncated))
    }

    pub(super) fn uint64(&mut self, key: &Key) -> Result<u64, WireError> {
        self.expect(key, WireType::Varint)?;
        self.varint()
    }

    pub(super) fn double(&mut self, key: &Key) -> Result<f64, WireError> {
        self.expect(key, WireType::Fixed64)?;
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(MalformedReason::Truncated));
        };
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn bytes(&mut self, key: &Key) -> Result<&'a [u8], WireError> {
        self.expect(key, WireType::Bytes)?;
        self.delimited()
    }

    /// A length and as many bytes.
    #[inline]
    pub(super) fn delimited(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        self.take(length)
    }

    /// A message in this one, whose errors tell where they are in the outermost.
    pub(super) fn message(&mut self, key: &Key) -> Result<Self, WireError> {
        let rest = self.bytes(key)?;
        Ok(Self { rest, end: self.offset() })
    }

    /// Passes over a field of any type but the end of a group.
    pub(super) fn skip(&mut self, key: &Key) -> Result<(), WireError> {
        self.skip_nested(key, MAX_NESTING)
    }

    fn skip_nested(&mut self, key: &Key, levels: u32) -> Result<(), WireError> {
        match key.wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.take(8).map(drop),
            WireType::Fixed32 => self.take(4).map(drop),
            WireType::Bytes => self.bytes(key).map(drop),
            WireType::GroupStart => self.skip_group(key, levels),
            WireType::GroupEnd => {
                Err(WireError { offset: key.offset, reason: MalformedReason::GroupEnd(key.field) })
            }
        }
    }

    fn skip_group(&mut self, start: &Key, levels: u32) -> Result<(), WireError> {
        let levels = levels.checked_sub(1).ok_or_else(|| self.error(MalformedReason::Nesting))?;
        loop {
            let key = self.key()?.ok_or_else(|| self.error(MalformedReason::Truncated))?;
            if key.wire_type == WireType::GroupEnd && key.field == start.field {
                return Ok(());
            }
            self.skip_nested(&key, levels)?;
        }
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((taken, rest)) = split else {
            return Err(self.error(MalformedReason::Truncated));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn expect(&self, key: &Key, wire_type: WireType) -> Result<(), WireError> {
        if key.wire_type == wire_type { Ok(()) } else { Err(key.mismatch()) }
    }

    #[cold]
    fn error(&self, reason: MalformedReason) -> WireError {
        WireError { offset: self.offset(), reason }
    }
}

impl Key {
    /// The error of a field with another wire type than it should have.
    #[cold]
    pub(super) fn mismatch(&self) -> WireError {
        let reason = MalformedReason::WireType { field: self.field, wire_type: self.wire_type as u8 };
        WireError { offset: self.offset, reason }
    }
}
