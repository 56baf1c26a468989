//! Slots of the events seen before.

use std::hash::{BuildHasher as _, Hasher as _};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{event::Event, split::Split};

/// Longest identity that is kept, in bytes.
pub const MAX_IDENTITY_BYTES: usize = u16::MAX as usize;

/// Slots by the encoded name and labels of an event, [`Split::identity`].
///
/// The keys lie one after another in one buffer, and their hash is keyed anew for each cache, so that a sender cannot
/// choose keys that collide. It grows without bound: whoever inserts counts what it keeps, and [clears](Self::clear) it.
#[derive(Debug, Default)]
pub struct IdentityCache {
    entries: HashTable<Entry>,
    identities: Vec<u8>,
    hasher: DefaultHashBuilder,
}

/// Sixteen bytes. The hash is kept so that growing the table need not read the keys again.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    start: u32,
    slot: u32,
    length: u16,
}

impl IdentityCache {
    /// The slot that was inserted last with exactly these bytes.
    #[inline]
    #[must_use]
    pub fn get(&self, identity: &[u8]) -> Option<u32> {
        let hash = self.hash(identity);
        let entry = self.entries.find(spread(hash), |entry| entry.is(&self.identities, hash, identity))?;
        Some(entry.slot)
    }

    /// The slot of an encoded `MetricEvent` and what it records, in fewer steps than to [split](Event::split) it first
    /// takes. Nothing is told of an event whose identity has no slot, or that cannot be split.
    #[inline]
    #[must_use]
    pub fn recognise<'a>(&self, event: &'a [u8]) -> Option<(u32, Split<'a>)> {
        let guess = Split::guess(event);
        if let Some(slot) = self.get(guess.identity) {
            return Some((slot, guess));
        }
        let split = Event::split(event).filter(|split| split.identity.len() != guess.identity.len())?;
        Some((self.get(split.identity)?, split))
    }

    /// Keeps a slot for an identity that an event was [split](Event::split) into, in place of an earlier one.
    /// Tells whether it is kept: an identity longer than [`MAX_IDENTITY_BYTES`], or one past 4 GiB of them, is not.
    pub fn insert(&mut self, identity: &[u8], slot: u32) -> bool {
        let hash = self.hash(identity);
        let known = |entry: &Entry| entry.is(&self.identities, hash, identity);
        if let Some(entry) = self.entries.find_mut(spread(hash), known) {
            entry.slot = slot;
            return true;
        }
        let (Ok(length), Ok(start)) = (u16::try_from(identity.len()), u32::try_from(self.identities.len()))
        else {
            return false;
        };
        self.identities.extend_from_slice(identity);
        let entry = Entry { hash, start, slot, length };
        self.entries.insert_unique(spread(hash), entry, |entry| spread(entry.hash));
        true
    }

    /// How many identities have a slot.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory that it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.allocation_size() + self.identities.capacity()
    }

    /// Forgets everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn hash(&self, identity: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(identity);
        hasher.finish() as u32
    }
}

impl Entry {
    #[inline]
    fn is(&self, identities: &[u8], hash: u32, identity: &[u8]) -> bool {
        let start = self.start as usize;
        self.hash == hash && identities.get(start..start + usize::from(self.length)) == Some(identity)
    }
}

/// The hash as the table takes it, which tells entries apart by the upper bits and places them by the lower ones.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
