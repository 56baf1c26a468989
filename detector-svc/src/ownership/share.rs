//! Which streams a replica takes and gives up, so that each has one owner and all replicas about as many.

use crate::frame::StreamId;

/// Who has a stream, as one replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This replica.
    Us,
    /// Another one, or this one no longer: it is on the way to somebody else.
    Other,
    /// Nobody.
    Nobody,
}

/// What a replica does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Streams to give up.
    pub give_up: Vec<StreamId>,
    /// Streams to take, unless another replica is faster.
    pub take: Vec<StreamId>,
}

/// How many of `streams` the replica at `place` among `replicas` has: all the same, and the first ones one more when
/// that does not come out even.
#[must_use]
pub fn quota(streams: usize, replicas: usize, place: usize) -> usize {
    let replicas = replicas.max(1);
    streams / replicas + usize::from(place < streams % replicas)
}

/// What the replica at `place` among `replicas` does, given every stream and who has it. Replicas that see the same
/// end with their quota each: what is given up is taken by those who have too few, and nothing moves otherwise.
#[must_use]
pub fn plan(streams: &[(StreamId, Holder)], replicas: usize, place: usize) -> Plan {
    let quota = quota(streams.len(), replicas, place);
    let of = |holder| streams.iter().filter(move |(_, held_by)| *held_by == holder).map(|(stream, _)| stream);
    let held = of(Holder::Us).count();
    // Replicas begin to take at different places, so that they seldom reach for the same stream.
    let begin = of(Holder::Nobody).count() * place / replicas.max(1);
    let free = of(Holder::Nobody).skip(begin).chain(of(Holder::Nobody).take(begin));
    Plan {
        give_up: of(Holder::Us).skip(quota).cloned().collect(),
        take: free.take(quota.saturating_sub(held)).cloned().collect(),
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
