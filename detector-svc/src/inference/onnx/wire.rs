//! Protobuf messages as they lie in a file: fields that are not looked into are kept byte for byte.

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no ONNX file: {0}")]
pub struct Malformed(pub(super) &'static str);

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// Key and value.
    pub(super) raw: &'a [u8],
    /// The value of anything but a number of variable length; empty for that.
    pub(super) bytes: &'a [u8],
    /// The value of a number; 0 for others.
    pub(super) varint: u64,
}

/// The fields of a message, in its order.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let whole = self.0;
        let key = decode_key(&mut self.0).map_err(|_| Malformed("a field has no key"))?;
        let mut field = Field { number: key.0, raw: &[], bytes: &[], varint: 0 };
        match key.1 {
            WireType::Varint => field.varint = self.varint()?,
            WireType::LengthDelimited => {
                let len = self.varint()?;
                field.bytes = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
            }
            WireType::ThirtyTwoBit => field.bytes = self.take(4)?,
            WireType::SixtyFourBit => field.bytes = self.take(8)?,
            WireType::StartGroup | WireType::EndGroup => return Err(Malformed("it has groups")),
        }
        field.raw = &whole[..whole.len() - self.0.len()];
        Ok(field)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        decode_varint(&mut self.0).map_err(|_| Malformed("a number is broken"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed("it ends within a field"))?;
        self.0 = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// A name within a file.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a name is no text"))
}

/// Writes a text, a message or packed numbers.
pub(super) fn put_bytes(number: u32, bytes: &[u8], message: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, message);
    encode_varint(bytes.len() as u64, message);
    message.extend_from_slice(bytes);
}

/// Writes a number.
pub(super) fn put_varint(number: u32, value: u64, message: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, message);
    encode_varint(value, message);
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
