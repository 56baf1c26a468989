//! The two kinds of file: their names and what they begin with.

use std::io::Read;

use super::error::{DamageReason, ReadError};

/// The format that is written, and the only one that is read.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Magic, version and number.
pub(super) const FILE_HEADER_BYTES: usize = 8 + 4 + 8;
/// Behind the name of a file that is not whole yet.
const TEMPORARY: &str = ".tmp";

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Journal,
    Checkpoint,
}

/// What a name in the directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileName {
    Whole(FileKind, u64),
    Temporary,
}

impl FileKind {
    pub(super) fn name(self, number: u64) -> String {
        let (start, extension) = self.affixes();
        format!("{start}{number:016x}{extension}")
    }

    pub(super) fn temporary_name(self, number: u64) -> String {
        self.name(number) + TEMPORARY
    }

    pub(super) fn header(self, number: u64) -> [u8; FILE_HEADER_BYTES] {
        let mut header = [0; FILE_HEADER_BYTES];
        header[..8].copy_from_slice(self.magic());
        header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[12..].copy_from_slice(&number.to_le_bytes());
        header
    }

    /// Reads a header, which must be that of this file.
    pub(super) fn read_header(self, input: &mut impl Read, number: u64) -> Result<(), ReadError> {
        let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
        input.take(FILE_HEADER_BYTES as u64).read_to_end(&mut header)?;
        let damaged = |reason| Err(ReadError::damaged(0, reason));
        let Some(rest) = header.strip_prefix(self.magic()) else {
            return damaged(DamageReason::Magic);
        };
        let Some((version, rest)) = rest.split_first_chunk() else {
            return damaged(DamageReason::Magic);
        };
        // Before the rest, which may be different in another version.
        match u32::from_le_bytes(*version) {
            FORMAT_VERSION => {}
            unknown => return Err(ReadError::UnknownVersion(unknown)),
        }
        match rest.first_chunk().map(|told| u64::from_le_bytes(*told)) {
            Some(told) if told == number => Ok(()),
            Some(told) => damaged(DamageReason::Number(told)),
            None => damaged(DamageReason::Magic),
        }
    }

    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"VMetrJnl",
            Self::Checkpoint => b"VMetrCkp",
        }
    }

    fn affixes(self) -> (&'static str, &'static str) {
        match self {
            Self::Journal => ("journal-", ".log"),
            Self::Checkpoint => ("checkpoint-", ".ckpt"),
        }
    }

    fn number(self, name: &str) -> Option<u64> {
        let (start, extension) = self.affixes();
        let digits = name.strip_prefix(start)?.strip_suffix(extension)?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        (self.name(number) == name).then_some(number)
    }
}

impl FileName {
    /// What the name says; `None` for a file of somebody else.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let whole = name.strip_suffix(TEMPORARY).unwrap_or(name);
        let kinds = [FileKind::Journal, FileKind::Checkpoint];
        let (kind, number) = kinds.into_iter().find_map(|kind| Some((kind, kind.number(whole)?)))?;
        Some(if whole == name { Self::Whole(kind, number) } else { Self::Temporary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_say() {
        let journal = FileKind::Journal.name(0x1f);
        assert_eq!(journal, "journal-000000000000001f.log");
        assert_eq!(FileName::parse(&journal), Some(FileName::Whole(FileKind::Journal, 0x1f)));
        let temporary = FileKind::Checkpoint.temporary_name(u64::MAX);
        assert_eq!(FileName::parse(&temporary), Some(FileName::Temporary));
        for other in [
            "lock",
            "journal-1f.log",
            "journal-000000000000001F.log",
            "journal-+00000000000001f.log",
            "x.tmp",
        ] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}
