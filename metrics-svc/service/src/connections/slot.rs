//! One connection's slot, which knows whether a call is in progress.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
    time::Instant,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::table::{Closed, Table};

/// The slot of a connection, shared with its calls.
#[derive(Debug)]
pub(crate) struct Slot {
    table: Arc<Table>,
    id: u64,
    usage: Mutex<Usage>,
    greeted: AtomicBool,
    closing: AtomicBool,
    connection: AtomicWaker,
}

/// What a connection is used for. The table knows it as idle exactly while it is, or has told it to close.
#[derive(Clone, Copy, Debug)]
enum Usage {
    Idle(Instant),
    /// Calls in progress.
    Busy(usize),
    Ended,
}

/// A call in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct InUse(Arc<Slot>);

impl Slot {
    pub(super) fn new(table: Arc<Table>, id: u64, now: Instant) -> Self {
        Self {
            table,
            id,
            usage: Mutex::new(Usage::Idle(now)),
            greeted: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            connection: AtomicWaker::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Begins a call: the connection is not idle before it ends.
    pub(crate) fn begin(self: &Arc<Self>) -> InUse {
        let mut usage = self.usage.lock();
        *usage = match *usage {
            Usage::Idle(since) => {
                self.table.set_busy(since, self.id);
                Usage::Busy(1)
            }
            Usage::Busy(calls) => Usage::Busy(calls + 1),
            Usage::Ended => Usage::Ended,
        };
        InUse(Arc::clone(self))
    }

    /// Ends a call that was begun.
    pub(super) fn end(self: &Arc<Self>, now: Instant) {
        let mut usage = self.usage.lock();
        *usage = match *usage {
            Usage::Busy(1) => {
                self.table.set_idle(now, Arc::clone(self));
                Usage::Idle(now)
            }
            Usage::Busy(calls) => Usage::Busy(calls - 1),
            other => other,
        };
    }

    /// Frees the slot: the connection has ended.
    pub(super) fn leave(&self) {
        let mut usage = self.usage.lock();
        let since = match *usage {
            Usage::Idle(since) => Some(since),
            Usage::Busy(_) => None,
            Usage::Ended => return,
        };
        *usage = Usage::Ended;
        self.table.leave(since, self.id);
    }

    /// Notes that the connection has said what it must at first.
    pub(super) fn greeted(&self) {
        self.greeted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self) -> bool {
        !self.greeted.load(Ordering::Relaxed)
    }

    /// Tells the connection to close.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.connection.wake();
    }

    /// Whether the connection is to close; else its task is woken when it is.
    pub(super) fn poll_closing(&self, cx: &Context<'_>) -> bool {
        self.connection.register(cx.waker());
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn count_silent(&self) {
        self.table.count(Closed::Silent);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.end(Instant::now());
    }
}
