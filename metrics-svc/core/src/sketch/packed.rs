//! Buckets that nobody adds to, in little memory: about a byte each.
//!
//! Neighbouring counts resemble each other, so each is told by its difference from the one before, in a variable-length
//! integer; a difference of zero is followed by how often it repeats.

use serde::{Deserialize, Serialize};

use super::{
    buckets::Buckets,
    store::{Count, MAX_BUCKETS, Store},
};

/// Values that a sketch can have counted: as many as a double tells exactly.
pub(crate) const MAX_COUNT: u64 = 1 << f64::MANTISSA_DIGITS;

/// Bytes that are no packed buckets.
#[derive(Debug, thiserror::Error)]
#[error("{0} bytes are no buckets of a sketch")]
pub(crate) struct Damaged(usize);

/// Packed buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(crate) fn new<C: Count>(buckets: &Buckets<C>) -> Self {
        let mut bytes = Vec::new();
        write(&mut bytes, buckets.zeros);
        write_store(&mut bytes, &buckets.positive);
        write_store(&mut bytes, &buckets.negative);
        Self(bytes.into())
    }

    pub(crate) fn unpack(&self) -> Buckets {
        // Checked when it was made.
        unpack(&self.0).unwrap_or_default()
    }

    /// Bytes of the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl From<Packed> for Vec<u8> {
    fn from(packed: Packed) -> Self {
        packed.0.into()
    }
}

impl TryFrom<Vec<u8>> for Packed {
    type Error = Damaged;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let counted = unpack(&bytes).is_some_and(|buckets| buckets.count() <= MAX_COUNT);
        if counted { Ok(Self(bytes.into())) } else { Err(Damaged(bytes.len())) }
    }
}

fn unpack(mut bytes: &[u8]) -> Option<Buckets> {
    let zeros = read(&mut bytes)?;
    let positive = read_store(&mut bytes)?;
    let negative = read_store(&mut bytes)?;
    bytes.is_empty().then_some(Buckets { positive, negative, zeros })
}

fn write_store<C: Count>(bytes: &mut Vec<u8>, store: &Store<C>) {
    let occupied = |(_, count): &(i32, u64)| *count > 0;
    let Some((last, _)) = store.iter().rfind(occupied) else {
        return write(bytes, 0);
    };
    let mut counts =
        store.iter().skip_while(|bucket| !occupied(bucket)).take_while(|(key, _)| *key <= last).peekable();
    let first = counts.peek().map_or(last, |(key, _)| *key);
    write(bytes, (last - first + 1) as u64);
    write(bytes, zigzag(first.into()));
    write(bytes, store.collapsed());
    let mut previous = 0;
    while let Some((_, count)) = counts.next() {
        write(bytes, zigzag(count.wrapping_sub(previous) as i64));
        if count == previous {
            let mut repeated = 0;
            while counts.next_if(|(_, next)| *next == count).is_some() {
                repeated += 1;
            }
            write(bytes, repeated);
        }
        previous = count;
    }
}

fn read_store(bytes: &mut &[u8]) -> Option<Store<u64>> {
    let length = usize::try_from(read(bytes)?).ok().filter(|length| *length <= MAX_BUCKETS)?;
    if length == 0 {
        return Some(Store::default());
    }
    let first = i32::try_from(unzigzag(read(bytes)?)).ok()?;
    let collapsed = read(bytes)?;
    let mut counts = Vec::with_capacity(length);
    let mut count = 0_u64;
    while counts.len() < length {
        let difference = unzigzag(read(bytes)?);
        let repeated = if difference == 0 { usize::try_from(read(bytes)?).ok()? } else { 0 };
        count = count.wrapping_add(difference as u64);
        let end = counts.len().checked_add(repeated)?.checked_add(1)?;
        if end > length {
            return None;
        }
        counts.resize(end, count);
    }
    Store::of_counts(first, counts, collapsed)
}

/// Appends seven bits a byte, the lowest first; the eighth says that more follow.
fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Makes small numbers of those near zero, whatever their sign.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
