//! A Redis Cluster of one's own.

use anyhow::ensure;
use redis::{cluster::ClusterClient, cluster_async::ClusterConnection};

use super::RedisServer;
use crate::eventually::eventually;

/// Slots of a cluster.
const SLOTS: usize = 16_384;

/// A cluster of masters without replicas, which share the slots evenly; killed when dropped. A node that is down
/// takes only its own slots with it.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts a cluster and waits until every node knows who has which slots.
    ///
    /// # Errors
    /// `redis-server` is not installed, or the nodes do not find each other.
    pub async fn start(nodes: usize) -> anyhow::Result<Self> {
        let mut servers = Vec::with_capacity(nodes);
        for index in 0..nodes {
            let server = RedisServer::builder().cluster().start().await?;
            let mut connection = server.connect().await?;
            let (first, last) = (SLOTS * index / nodes, SLOTS * (index + 1) / nodes - 1);
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("ADDSLOTSRANGE").arg(first).arg(last).query_async::<()>(&mut connection).await?;
            // Nodes of equal epochs would first have to agree on who is which.
            let mut epoch = redis::cmd("CLUSTER");
            epoch.arg("SET-CONFIG-EPOCH").arg(index + 1).query_async::<()>(&mut connection).await?;
            servers.push(server);
        }
        let cluster = Self { nodes: servers };
        cluster.meet().await?;
        Ok(cluster)
    }

    /// URL of the first node.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// A node; the first has the lowest slots.
    ///
    /// # Panics
    /// There are not so many.
    pub fn node(&mut self, index: usize) -> &mut RedisServer {
        &mut self.nodes[index]
    }

    /// A connection to every node.
    ///
    /// # Errors
    /// A node does not answer.
    pub async fn connect(&self) -> anyhow::Result<ClusterConnection> {
        let urls = self.nodes.iter().map(RedisServer::url);
        Ok(ClusterClient::new(urls)?.get_async_connection().await?)
    }

    async fn meet(&self) -> anyhow::Result<()> {
        let mut first = self.nodes[0].connect().await?;
        for node in &self.nodes[1..] {
            let [clients, nodes] = node.addresses;
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET").arg(clients.ip().to_string()).arg(clients.port()).arg(nodes.port());
            meet.query_async::<()>(&mut first).await?;
        }
        let known = format!("cluster_known_nodes:{}\r\n", self.nodes.len());
        let assigned = format!("cluster_slots_ok:{SLOTS}\r\n");
        for node in &self.nodes {
            let mut connection = node.connect().await?;
            eventually("a cluster that is whole", async || {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await?;
                let whole = ["cluster_state:ok", &known, &assigned].iter().all(|line| info.contains(line));
                ensure!(whole, "{info}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}
