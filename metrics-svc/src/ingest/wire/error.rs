//! What is wrong with a message.

/// A message that is no valid encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message at byte {offset}: {reason}")]
pub struct WireError {
    /// Where, in bytes from the start of what was parsed.
    pub offset: usize,
    /// Why.
    pub reason: MalformedReason,
}

/// Why a message is no valid encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReason {
    /// The message is shorter than its fields say.
    #[error("field ends after its message")]
    Truncated,
    /// A variable-length integer has more than ten bytes, or more than 64 bits.
    #[error("varint has more than 64 bits")]
    Varint,
    /// A key with a field number or wire type that does not exist.
    #[error("key {0:#x} is not one of a field")]
    Key(u64),
    /// A known field has another type.
    #[error("field {field} has wire type {wire_type}")]
    WireType {
        /// Number of the field.
        field: u32,
        /// Its wire type, 0 to 5.
        wire_type: u8,
    },
    /// The end of a group that is not open.
    #[error("group {0} ends without a start")]
    GroupEnd(u32),
    /// Unknown groups in one another.
    #[error("groups are nested too deep")]
    Nesting,
    /// Packed doubles in so many bytes, which is no multiple of eight.
    #[error("packed doubles have {0} bytes")]
    Doubles(usize),
    /// The producer's identifier is no text.
    #[error("producer id is not utf-8")]
    ProducerId,
}
