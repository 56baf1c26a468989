//! A connection for commands that must not be sent twice.

use redis::{
    Cmd, Pipeline, RedisFuture, RedisResult, Value,
    aio::ConnectionLike,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};

use super::{
    Connection, RedisClient,
    error::{any_needs_new_connection, needs_new_connection},
};

/// Sends commands over a connection that it opens when it is first used.
///
/// After an error that [needs a new connection](needs_new_connection), also of one command among several, the next
/// command goes over a new one, to wherever the host's name leads then. A command is sent once: after an error it is
/// not known whether it was obeyed, and that is the caller's to deal with. A clone shares the connection until either
/// needs a new one.
#[derive(Clone)]
pub struct Writer {
    client: RedisClient,
    connection: Option<Connection>,
}

impl Writer {
    pub(super) fn new(client: RedisClient) -> Self {
        Self { client, connection: None }
    }

    /// Has the next command go over a new connection.
    pub fn reset(&mut self) {
        self.connection = None;
    }

    /// Asks the server that holds `key` whether it is there.
    ///
    /// # Errors
    /// It is not, or it refuses this user. The next command tries to connect anew.
    pub async fn ping(&mut self, key: &str) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        let answer = match self.connection().await? {
            Connection::Single(connection) => connection.req_packed_command(&ping).await,
            // Without a route it would ask every node, and fail with any of them.
            Connection::Cluster(connection) => {
                let route = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                connection.route_command(ping, RoutingInfo::SingleNode(route)).await
            }
        };
        self.learn(&answer, std::slice::from_ref);
        answer?.extract_error().map(drop)
    }

    async fn connection(&mut self) -> RedisResult<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.client.open(self.client.timeout()).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Gives the connection up if the answers ask for that.
    fn learn<T>(&mut self, result: &RedisResult<T>, answers: fn(&T) -> &[Value]) {
        let useless = match result {
            Ok(result) => any_needs_new_connection(answers(result)),
            Err(error) => needs_new_connection(error),
        };
        if useless {
            self.reset();
        }
    }
}

impl ConnectionLike for Writer {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let answer = self.connection().await?.req_packed_command(command).await;
            self.learn(&answer, std::slice::from_ref);
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let answers = self.connection().await?.req_packed_commands(pipeline, offset, count).await;
            self.learn(&answers, Vec::as_slice);
            answers
        })
    }

    fn get_db(&self) -> i64 {
        self.client.database()
    }
}
