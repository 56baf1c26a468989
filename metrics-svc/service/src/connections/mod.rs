//! Accepted connections, limited in number: when all slots are taken, the connection that has been idle longest
//! is closed to make room for a new one.
//!
//! A connection is idle while no call is in progress on it, whatever else its peer sends: a client that only
//! answers pings is idle, one with an open stream is not. Whoever serves calls says when one begins and ends, with
//! [`Slot::begin`].

mod acceptor;
mod connection;
mod open_files;
mod slot;
mod table;

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;

use std::time::Duration;

pub(crate) use self::{
    acceptor::Acceptor,
    connection::Connection,
    open_files::connections_allowed,
    slot::{InUse, Slot},
    table::Instruments,
};

/// How many connections a server has, and how patient it is with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Connections served at once.
    pub(crate) max: usize,
    /// How long a connection must have been idle before another may have its slot.
    pub(crate) min_idle: Duration,
    /// What must arrive soon after the connection; `None`: the protocol sees to it.
    pub(crate) greeting: Option<Greeting>,
}

/// The first bytes of a connection, without which it is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeting {
    /// How many.
    pub(crate) bytes: usize,
    /// How long they may take.
    pub(crate) within: Duration,
}
