//! The connections of a gRPC server, and which of them have calls in progress.

use std::{io, sync::Arc};

use futures_util::{Stream, stream};
use http::{HeaderMap, Request};
use tonic::{
    Status,
    body::Body,
    transport::server::{Connected, TcpConnectInfo},
};

use super::{
    Limits,
    intercept::{Call, Interceptor},
};
use crate::connections::{
    Acceptor, Connection, ConnectionLimits, Greeting, InUse, Slot, connections_allowed,
};

/// Bytes that a connection starts with: the client's half of the HTTP/2 connection preface (RFC 9113, 3.4).
const PREFACE: usize = 24;

/// Where a call comes from, among the extensions of its request.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    addresses: TcpConnectInfo,
    slot: Arc<Slot>,
}

/// The limits on connections, as far as the process may open files.
pub(super) fn connection_limits(limits: &Limits) -> ConnectionLimits {
    ConnectionLimits {
        max: connections_allowed(limits.max_connections),
        min_idle: limits.min_idle,
        greeting: Some(Greeting { bytes: PREFACE, within: limits.preface_timeout }),
    }
}

/// Connections as they are accepted, without end.
pub(super) fn connections(acceptor: Acceptor) -> impl Stream<Item = io::Result<Connection>> {
    stream::unfold(acceptor, |acceptor| async {
        let connection = acceptor.accept().await;
        Some((Ok(connection), acceptor))
    })
}

impl Connected for Connection {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        let addresses = TcpConnectInfo { local_addr: self.local_addr(), remote_addr: Some(self.peer()) };
        Origin { addresses, slot: Arc::clone(self.slot()) }
    }
}

/// Keeps a connection from being idle during a call.
#[derive(Clone, Debug)]
pub(super) struct Occupying;

impl Interceptor for Occupying {
    type Call = Option<InUse>;

    fn begin(&self, request: &mut Request<Body>) -> Result<Option<InUse>, Status> {
        let Some(Origin { addresses, slot }) = request.extensions_mut().remove() else {
            return Ok(None);
        };
        // Where tonic looks for the peer's address.
        request.extensions_mut().insert(addresses);
        Ok(Some(slot.begin()))
    }
}

impl Call for Option<InUse> {
    fn see(&mut self, _: &HeaderMap) {}
}
