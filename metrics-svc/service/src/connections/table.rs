//! The slots of a server: how many are taken, and who loses his first.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter, UpDownCounter},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, futures::Notified};

use super::slot::Slot;

/// Since when a connection has been idle, and its number.
type IdleKey = (Instant, u64);

/// Slots for connections, limited in number.
#[derive(Debug)]
pub(super) struct Table {
    max: usize,
    min_idle: Duration,
    state: Mutex<State>,
    freed: Notify,
    instruments: Instruments,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    next_id: u64,
    /// Idle connections, the longest idle first.
    idle: BTreeMap<IdleKey, Arc<Slot>>,
}

/// What a server tells about its connections.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    open: UpDownCounter<i64>,
    closed: Counter<u64>,
}

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closed {
    /// Another needed its slot.
    Idle,
    /// It said nothing.
    Silent,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let open = meter.i64_up_down_counter("connections").with_description("Connections open.").build();
        let closed = meter
            .u64_counter("connections_closed")
            .with_description("Connections closed by the server: idle ones to make room, silent ones.")
            .build();
        Self { open, closed }
    }
}

impl Table {
    pub(super) fn new(max: usize, min_idle: Duration, instruments: Instruments) -> Self {
        Self { max, min_idle, state: Mutex::default(), freed: Notify::new(), instruments }
    }

    /// A slot for a connection that begins at `now`, idle; `None` while all are taken.
    pub(super) fn enter(self: &Arc<Self>, now: Instant) -> Option<Arc<Slot>> {
        let mut state = self.state.lock();
        if state.open >= self.max {
            return None;
        }
        state.open += 1;
        state.next_id += 1;
        let slot = Arc::new(Slot::new(Arc::clone(self), state.next_id, now));
        state.idle.insert((now, slot.id()), Arc::clone(&slot));
        self.instruments.open.add(1, &[]);
        Some(slot)
    }

    /// Tells the connection that has been idle longest to close, if at `now` it has been so for long enough, and
    /// for how long it has.
    ///
    /// # Errors
    /// None has: how long it takes until one may have, `None` while none is idle.
    pub(super) fn evict(&self, now: Instant) -> Result<Duration, Option<Duration>> {
        let mut state = self.state.lock();
        let Some(longest) = state.idle.first_entry() else {
            return Err(None);
        };
        let idle = now.saturating_duration_since(longest.key().0);
        if idle < self.min_idle {
            return Err(Some(self.min_idle - idle));
        }
        let slot = longest.remove();
        drop(state);
        slot.close();
        self.count(Closed::Idle);
        Ok(idle)
    }

    /// Tells the connections that have not said anything yet to close.
    pub(super) fn close_silent(&self) {
        let state = self.state.lock();
        state.idle.values().filter(|slot| slot.is_silent()).for_each(|slot| slot.close());
    }

    /// Resolves when a slot becomes free from now on.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn count(&self, closed: Closed) {
        let reason = match closed {
            Closed::Idle => "idle",
            Closed::Silent => "silent",
        };
        self.instruments.closed.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(super) fn set_idle(&self, since: Instant, slot: Arc<Slot>) {
        self.state.lock().idle.insert((since, slot.id()), slot);
    }

    pub(super) fn set_busy(&self, since: Instant, id: u64) {
        self.state.lock().idle.remove(&(since, id));
    }

    /// Frees the slot of a connection that has ended, and was idle `since` then.
    pub(super) fn leave(&self, since: Option<Instant>, id: u64) {
        let mut state = self.state.lock();
        if let Some(since) = since {
            state.idle.remove(&(since, id));
        }
        state.open -= 1;
        drop(state);
        self.instruments.open.add(-1, &[]);
        self.freed.notify_waiters();
    }
}
