//! One connection, to a server or to a cluster.

use redis::{
    Cmd, Pipeline, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};

use super::cluster;

/// A connection that commands go over. Clones share it.
///
/// To a cluster it is one to each node: a command, and a pipeline as a whole, goes to the node that holds its keys,
/// which must be of one [slot](super::slot).
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    Single(MultiplexedConnection),
    /// To a cluster.
    Cluster(ClusterConnection),
}

/// The way to one node: the only one of a server, or one that has slots of a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeRoute(Option<Route>);

impl Connection {
    /// Every node that has keys: what looks through all keys has to ask each.
    pub(crate) async fn nodes_with_keys(&mut self) -> RedisResult<Vec<NodeRoute>> {
        match self {
            Self::Single(_) => Ok(vec![NodeRoute(None)]),
            Self::Cluster(connection) => {
                let ranges = redis::cmd("CLUSTER").arg("SLOTS").query_async(connection).await?;
                let slots = cluster::slot_of_each_master(ranges).into_iter();
                Ok(slots.map(|slot| NodeRoute(Some(Route::new(slot, SlotAddr::Master)))).collect())
            }
        }
    }

    /// Sends a command to one node.
    pub(crate) async fn ask(&mut self, NodeRoute(route): &NodeRoute, command: Cmd) -> RedisResult<Value> {
        let answer = match (self, route) {
            (Self::Cluster(connection), Some(route)) => {
                let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(*route));
                connection.route_command(command, route).await?
            }
            (Self::Cluster(connection), None) => connection.req_packed_command(&command).await?,
            (Self::Single(connection), _) => connection.req_packed_command(&command).await?,
        };
        answer.extract_error()
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
