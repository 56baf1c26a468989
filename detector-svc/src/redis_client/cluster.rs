//! Redis Cluster: its nodes, and which streams one command can name together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::{
    ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates, Value,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::Slot,
    from_redis_value,
};

use super::address::tcp_settings;

/// The slot that a key is in, one of 16,384: keys of one slot are on one node, and only they may be in one command.
/// A `{tag}` in a key alone decides on it.
#[must_use]
pub fn slot(key: &str) -> Slot {
    Slot::for_key(key)
}

/// Streams by their slots, in their order.
pub(super) fn by_slot(streams: &[String]) -> Vec<Vec<String>> {
    let mut groups: Vec<(Slot, Vec<String>)> = Vec::new();
    for stream in streams {
        let slot = slot(stream);
        match groups.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, group)) => group.push(stream.clone()),
            None => groups.push((slot, vec![stream.clone()])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A cluster, known by one node at first and by all that answered later: the first may be gone by then.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    first: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    /// Hosts and ports of the nodes, as the cluster told last.
    nodes: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Cluster {
    /// # Errors
    /// The certificates cannot be used.
    pub(super) fn new(first: ConnectionInfo, certificates: Option<TlsCertificates>) -> RedisResult<Self> {
        let cluster = Self { first, certificates, nodes: Arc::default() };
        cluster.builder().build()?;
        Ok(cluster)
    }

    /// Connects to every node. Nothing is tried twice: where a slot has moved, the command fails and the next one
    /// goes to the right node.
    pub(super) async fn open(
        &self,
        timeout: Duration,
        response_timeout: Duration,
    ) -> RedisResult<ClusterConnection> {
        let client = self
            .builder()
            .retries(0)
            .connection_timeout(timeout)
            .response_timeout(response_timeout)
            // Also where a command waits for a node to be found again.
            .overall_response_timeout(Some(response_timeout + timeout))
            .tcp_settings(tcp_settings())
            .build()?;
        let mut connection = client.get_async_connection().await?;
        if let Ok(slots) = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await {
            *self.nodes.lock() = nodes(slots);
        }
        Ok(connection)
    }

    fn builder(&self) -> ClusterClientBuilder {
        let known = self.nodes.lock().clone();
        let others =
            known.into_iter().map(|(host, port)| self.first.clone().set_addr(self.address(host, port)));
        let builder = ClusterClient::builder([self.first.clone()].into_iter().chain(others));
        match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()),
            None => builder,
        }
    }

    fn address(&self, host: String, port: u16) -> ConnectionAddr {
        match self.first.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        }
    }
}

/// Hosts and ports in an answer to `CLUSTER SLOTS`: for each range of slots its first, its last and the nodes that
/// have it. A node that does not know its own host gives none.
fn nodes(slots: Vec<Vec<Value>>) -> Vec<(String, u16)> {
    let nodes = slots.into_iter().flat_map(|range| range.into_iter().skip(2)).filter_map(|node| {
        let node: Vec<Value> = from_redis_value(node).ok()?;
        let mut fields = node.into_iter();
        let host: String = from_redis_value(fields.next()?).ok()?;
        let port = from_redis_value(fields.next()?).ok()?;
        (!host.is_empty() && host != "?").then_some((host, port))
    });
    let mut nodes: Vec<_> = nodes.collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// One slot of each master in an answer to `CLUSTER SLOTS`, by which it can be reached.
pub(super) fn slot_of_each_master(ranges: Vec<Vec<Value>>) -> Vec<u16> {
    let masters = ranges.into_iter().filter_map(|range| {
        let mut fields = range.into_iter();
        let first: u16 = from_redis_value(fields.next()?).ok()?;
        let master: Vec<Value> = from_redis_value(fields.nth(1)?).ok()?;
        let mut master = master.into_iter();
        let host: String = from_redis_value(master.next()?).ok()?;
        let port: u16 = from_redis_value(master.next()?).ok()?;
        Some(((host, port), first))
    });
    masters.collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
