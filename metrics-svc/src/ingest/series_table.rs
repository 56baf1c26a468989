//! The series that a sender has named before: by numbers of its own choice, or in events that describe themselves.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use hashbrown::HashMap;
use vision_metrics::{Metric, Operation, Series, ValueError};
use vision_proto::metrics::v1::{RejectionReason, SeriesDefinition};

use super::{
    batch::Target,
    rejection::Refusal,
    slots::Slots,
    wire::{IdentityCache, Split},
};

/// Numbers that one sender may define.
const MAX_DEFINITIONS: usize = 1 << 20;
/// Series that one sender's events may have named before all of them are looked up anew, and what these may take.
const MAX_NAMED: usize = 1 << 21;
const MAX_NAMED_BYTES: usize = MAX_NAMED_BYTES_OF_ALL / 2;
/// A longer name, with its labels, is looked up each time.
const MAX_NAME_BYTES: usize = 8192;
/// Memory that all senders together may take for their numbers, and for the names of their events, in bytes.
const MAX_NUMBER_BYTES_OF_ALL: usize = 256 << 20;
const MAX_NAMED_BYTES_OF_ALL: usize = 512 << 20;
/// A number up to this and twice the count of numbers is looked up in a list; others in a map, so that a large number
/// alone takes no memory.
const LISTED: usize = 1024;
/// What a number takes, beside its series.
const BYTES_OF_NUMBER: usize = 32;
const UNDEFINED: u32 = u32::MAX;

/// How much memory all tables that share it take. Numbers are owed to whoever defined them; names only save a look-up,
/// and must not take the room of numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Quota {
    numbers: Share,
    names: Share,
}

/// Bytes taken of what there is.
#[derive(Clone, Debug, Default)]
struct Share(Arc<AtomicUsize>);

/// Series that are known to one sender; lives as long as its epoch.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    defined: Slots,
    numbers: Numbers,
    named: Slots,
    identities: IdentityCache,
    quota: Quota,
    /// What this table has taken of the quota, for numbers and for names.
    defined_bytes: usize,
    named_bytes: usize,
}

/// Slots by the sender's numbers.
#[derive(Debug, Default)]
struct Numbers {
    list: Vec<u32>,
    map: HashMap<u32, u32>,
}

impl Numbers {
    #[inline]
    fn get(&self, number: u32) -> Option<u32> {
        match self.list.get(number as usize) {
            Some(&slot) if slot != UNDEFINED => Some(slot),
            _ if self.map.is_empty() => None,
            _ => self.map.get(&number).copied(),
        }
    }

    fn insert(&mut self, number: u32, slot: u32) {
        let index = number as usize;
        if index >= LISTED.max(2 * slot as usize) {
            self.map.insert(number, slot);
            return;
        }
        if index >= self.list.len() {
            self.list.resize(index + 1, UNDEFINED);
        }
        self.list[index] = slot;
    }

    fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let listed = (0..).zip(self.list.iter().copied()).filter(|(_, slot)| *slot != UNDEFINED);
        listed.chain(self.map.iter().map(|(&number, &slot)| (number, slot)))
    }
}

impl SeriesTable {
    pub(super) fn new(quota: &Quota) -> Self {
        Self {
            defined: Slots::default(),
            numbers: Numbers::default(),
            named: Slots::default(),
            identities: IdentityCache::default(),
            quota: quota.clone(),
            defined_bytes: 0,
            named_bytes: 0,
        }
    }

    /// Gives a series its number. Defining it again with the same labels is harmless.
    ///
    /// Returns whether the series is the one for what exceeds the cardinality budget.
    pub(super) fn define(
        &mut self,
        target: &Target<'_>,
        definition: &SeriesDefinition,
    ) -> Result<bool, Refusal> {
        let known = self.numbers.get(definition.id);
        match known.and_then(|slot| self.defined.get(slot)) {
            Some((metric, series)) if !is(metric, series, definition) => {
                return Err(conflict(metric, definition.id));
            }
            Some((_, series)) if !series.is_overflow() => return Ok(false),
            // There may be room by now.
            _ => {}
        }
        let metric = target.metric(&definition.metric)?;
        let values: Vec<&str> = definition.label_values.iter().map(AsRef::as_ref).collect();
        let series = metric.series(&values, target.origin())?;
        if known.is_none() {
            self.take_room()?;
        }
        series.touch(target.now);
        let overflow = series.is_overflow();
        match known {
            Some(slot) => self.defined.replace(slot, series),
            None => self.insert(definition.id, metric, series),
        }
        Ok(overflow)
    }

    /// Gives a series its number again, after it was kept. One that has expired stays so until it has a value.
    pub(super) fn restore(
        &mut self,
        target: &Target<'_>,
        definition: &SeriesDefinition,
    ) -> Result<(), Refusal> {
        let metric = target.metric(&definition.metric)?;
        let values: Vec<&str> = definition.label_values.iter().map(AsRef::as_ref).collect();
        let series = metric.find_or_expired(&values, target.origin())?;
        self.take_room()?;
        self.insert(definition.id, metric, series);
        Ok(())
    }

    fn insert(&mut self, number: u32, metric: Metric, series: Series) {
        let slot = self.defined.push(metric, series);
        slot.into_iter().for_each(|slot| self.numbers.insert(number, slot));
    }

    /// Takes one packed sample.
    #[inline]
    pub(super) fn record_defined(
        &mut self,
        target: &Target<'_>,
        number: u32,
        value: f64,
    ) -> Result<(), Refusal> {
        match self.numbers.get(number) {
            Some(slot) => Ok(self.defined.record(slot, value, Operation::Default, target)?),
            None => {
                let message = format!("series {number} is not defined");
                Err(Refusal::new(RejectionReason::UnknownMetric, message))
            }
        }
    }

    /// The slot of an event that names itself as one before it did, and the event's other parts.
    #[inline]
    pub(super) fn recognise<'a>(&self, event: &'a [u8]) -> Option<(u32, Split<'a>)> {
        self.identities.recognise(event)
    }

    /// Takes a sample of a named slot.
    #[inline]
    pub(super) fn record_named(
        &mut self,
        target: &Target<'_>,
        slot: u32,
        value: f64,
        operation: Operation,
    ) -> Result<(), ValueError> {
        self.named.record(slot, value, operation, target)
    }

    pub(super) fn named_series(&self, slot: u32) -> Option<&Series> {
        self.named.get(slot).map(|(_, series)| series)
    }

    /// Remembers how a series was named. Without room for it, it will be looked up again.
    pub(super) fn remember(&mut self, identity: &[u8], metric: Metric, series: Series) {
        let bytes = Slots::bytes_each() + identity.len() + BYTES_OF_NUMBER;
        if identity.len() > MAX_NAME_BYTES || !self.quota.names.take(bytes, MAX_NAMED_BYTES_OF_ALL) {
            return;
        }
        self.named_bytes += bytes;
        if let Some(slot) = self.named.push(metric, series) {
            self.identities.insert(identity, slot);
        }
    }

    /// Writes what the batch has gathered.
    pub(super) fn flush(&mut self, target: &Target<'_>) {
        self.named.flush(target);
        self.defined.flush(target);
        if self.named.len() > MAX_NAMED || self.named_bytes > MAX_NAMED_BYTES {
            self.forget_names();
        }
    }

    /// Forgets how series were named: names that come and go would fill the memory for ever.
    pub(super) fn forget_names(&mut self) {
        self.named.clear();
        self.identities.clear();
        self.quota.names.give_back(std::mem::take(&mut self.named_bytes));
    }

    /// Numbers with their metrics and series.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (u32, &Metric, &Series)> {
        self.numbers.iter().filter_map(|(number, slot)| {
            let (metric, series) = self.defined.get(slot)?;
            Some((number, metric, series))
        })
    }

    fn take_room(&mut self) -> Result<(), Refusal> {
        let refusal = |message| Refusal::new(RejectionReason::CardinalityLimit, message);
        if self.defined.len() >= MAX_DEFINITIONS {
            return Err(refusal(format!("more than {MAX_DEFINITIONS} series numbers are defined")));
        }
        let bytes = Slots::bytes_each() + BYTES_OF_NUMBER;
        if !self.quota.numbers.take(bytes, MAX_NUMBER_BYTES_OF_ALL) {
            return Err(refusal("all senders together have defined too many series numbers".to_owned()));
        }
        self.defined_bytes += bytes;
        Ok(())
    }
}

impl Share {
    fn take(&self, bytes: usize, most: usize) -> bool {
        let room = |taken: usize| Some(taken + bytes).filter(|taken| *taken <= most);
        self.0.fetch_update(Relaxed, Relaxed, room).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Relaxed);
    }
}

impl Drop for SeriesTable {
    fn drop(&mut self) {
        self.quota.numbers.give_back(self.defined_bytes);
        self.quota.names.give_back(self.named_bytes);
    }
}

/// Whether this is the series defined. Of one in the overflow only the metric is known.
fn is(metric: &Metric, series: &Series, definition: &SeriesDefinition) -> bool {
    let descriptor = metric.descriptor();
    let own = series.label_values().take(descriptor.label_names.len());
    descriptor.name == definition.metric
        && (series.is_overflow() || own.eq(definition.label_values.iter().map(String::as_str)))
}

fn conflict(metric: &Metric, id: u32) -> Refusal {
    let metric = &metric.descriptor().name;
    let message = format!("series {id} is defined already, for metric {metric:?}");
    Refusal::new(RejectionReason::DescriptorConflict, message)
}

#[cfg(test)]
#[path = "series_table_tests.rs"]
mod tests;
