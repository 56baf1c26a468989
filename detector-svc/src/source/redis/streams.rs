//! Which streams the settings ask for: those they name, and those that their patterns find.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    frame::StreamId,
    glob,
    ownership::KnownStream,
    redis_client::{MAX_STREAMS, RedisSettings},
};

/// Looks that must miss a stream one after the other until it has ended: a publisher may delete a stream and begin it
/// anew.
const MISSED_LOOKS: u32 = 3;

/// The streams that the settings ask for.
#[derive(Debug)]
pub struct StreamSet {
    settings: RedisSettings,
    /// Streams that patterns never find: those that this service writes.
    excluded: BTreeSet<String>,
    /// Streams that were found, and how many looks have missed each since.
    found: BTreeMap<String, u32>,
    /// Streams that the last look found and that are too many to be read.
    skipped: usize,
}

impl StreamSet {
    /// The settings' named streams; patterns find no stream in `excluded`.
    #[must_use]
    pub fn new(settings: &RedisSettings, excluded: impl IntoIterator<Item = String>) -> Self {
        let excluded = excluded.into_iter().collect();
        Self { settings: settings.clone(), excluded, found: BTreeMap::new(), skipped: 0 }
    }

    /// The settings' patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.settings.streams.iter().map(String::as_str).filter(|name| glob::is_pattern(name))
    }

    fn named(&self) -> impl Iterator<Item = &String> {
        self.settings.streams.iter().filter(|name| !glob::is_pattern(name))
    }

    /// Takes in what one look with every pattern has found.
    pub fn look(&mut self, found: impl IntoIterator<Item = String>) {
        let named: BTreeSet<_> = self.named().cloned().collect();
        for missed in self.found.values_mut() {
            *missed += 1;
        }
        let mut skipped = 0;
        // In the order of their names, so that all replicas skip the same ones.
        for name in found.into_iter().collect::<BTreeSet<_>>() {
            if self.excluded.contains(&name) || named.contains(&name) {
                continue;
            }
            if self.found.contains_key(&name) || named.len() + self.found.len() < MAX_STREAMS {
                self.found.insert(name, 0);
            } else {
                skipped += 1;
            }
        }
        self.found.retain(|_, missed| *missed < MISSED_LOOKS);
        if skipped > 0 && self.skipped == 0 {
            tracing::warn!(skipped, read = MAX_STREAMS, "streams are not read: there are too many");
        }
        self.skipped = skipped;
    }

    /// Every stream to read, by name.
    #[must_use]
    pub fn known(&self) -> Vec<KnownStream> {
        let known = |name: &str, named| KnownStream {
            id: StreamId::new(name),
            policy: self.settings.policy_of(name),
            named,
        };
        let named = self.named().map(|name| known(name, true));
        let mut streams: Vec<_> = named.chain(self.found.keys().map(|name| known(name, false))).collect();
        streams.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        streams
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
