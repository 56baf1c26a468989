//! How far a group has read a stream, and how many entries were trimmed unread.

use crate::frame::FrameId;

/// How far a group has read one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupPosition {
    /// The last entry delivered.
    pub(super) last: FrameId,
    /// How many entries were added to the stream up to the last one accounted for, which is that one or a trimmed one
    /// after it; `None` when nobody knows.
    pub(super) ordinal: Option<u64>,
}

/// A stream at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Entries ever added; `None` on servers that do not count.
    pub(super) added: Option<u64>,
    /// Entries there now.
    pub(super) length: u64,
    /// The oldest of them.
    pub(super) first: Option<FrameId>,
}

impl Extent {
    /// Entries that are gone: all that were added before the oldest one.
    pub(super) fn gone(&self) -> Option<u64> {
        Some(self.added?.saturating_sub(self.length))
    }
}

impl GroupPosition {
    /// Whether a stream of this extent, `delivered` entries of which came after this position, is another one under the
    /// same name.
    pub(super) fn is_of_another(&self, delivered: usize, extent: Extent) -> bool {
        let least = self.ordinal.map(|ordinal| ordinal + delivered as u64);
        least.zip(extent.added).is_some_and(|(least, added)| added < least)
    }

    /// Moves on past `delivered` entries, in their order, of a stream that is of this extent after the last of them was
    /// delivered; returns how many entries were trimmed unread.
    ///
    /// With the oldest entry at or before the last one delivered, nothing can have been trimmed between that and the
    /// next. Otherwise the oldest entry is number `added - length + 1`, and what lies before it is either accounted for
    /// or was trimmed.
    pub(super) fn advance(&mut self, delivered: &[FrameId], extent: Extent) -> u64 {
        let before = self.last;
        self.last = delivered.last().copied().unwrap_or(before);
        let (Some(ordinal), Some(gone)) = (self.ordinal, extent.gone()) else {
            self.ordinal = self.found(extent);
            return 0;
        };
        let is_gone = |id: &FrameId| extent.first.is_none_or(|first| *id < first);
        if !is_gone(&before) {
            // The last one may be the oldest, whose number is known.
            let exact = if extent.first == Some(before) { ordinal.max(gone + 1) } else { ordinal };
            self.ordinal = Some(exact + delivered.len() as u64);
            return exact - ordinal;
        }
        let passed = delivered.iter().filter(|id| is_gone(id)).count() as u64;
        let trimmed = gone.saturating_sub(ordinal + passed);
        self.ordinal = Some(ordinal + trimmed + delivered.len() as u64);
        trimmed
    }

    /// Moves on past one entry, of a stream nothing is known of.
    pub(super) fn pass(&mut self, id: FrameId) {
        *self = Self { last: id, ordinal: self.ordinal.map(|ordinal| ordinal + 1) };
    }

    /// The number of the last entry delivered, when the stream itself tells it.
    fn found(&self, extent: Extent) -> Option<u64> {
        let gone = extent.gone()?;
        match extent.first {
            Some(first) if self.last > first => None,
            Some(first) if self.last == first => Some(gone + 1),
            _ => Some(gone),
        }
    }
}

#[cfg(test)]
#[path = "position_tests.rs"]
mod tests;
