//! Keeps changes that belong together from being seen apart, without a word of memory that all who change share.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Threads beyond this many share a lock with another.
const SHARDS: usize = 16;

/// A lock that is cheap to share, each thread in a shard of its own, and dear to have alone.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shards: [Shard; SHARDS],
}

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(RwLock<()>);

/// Changes that belong together are in progress: no snapshot falls between them until this is dropped.
#[derive(Debug)]
#[must_use = "a snapshot may fall between changes once this is dropped"]
pub struct Together<'a> {
    _shared: RwLockReadGuard<'a, ()>,
}

/// Nobody changes anything until this is dropped.
#[derive(Debug)]
pub(crate) struct Still<'a> {
    _all: [RwLockWriteGuard<'a, ()>; SHARDS],
}

impl Gate {
    pub(crate) fn share(&self) -> Together<'_> {
        Together { _shared: self.shards[shard()].0.read() }
    }

    /// Waits for changes in progress, and keeps new ones waiting.
    pub(crate) fn close(&self) -> Still<'_> {
        Still { _all: self.shards.each_ref().map(|shard| shard.0.write()) }
    }
}

/// The calling thread's shard.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        let shard = own.get().unwrap_or_else(|| NEXT.fetch_add(1, Relaxed) % SHARDS);
        own.set(Some(shard));
        shard
    })
}
