//! Waiting for news of many streams.

use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, RedisResult};

use super::{PAUSE, reply::ReadReply};
use crate::redis_client::Connection;

/// Waits up to `block` for news of the streams in `groups`, each of which one command may name. The server waits for a
/// single group; several are asked again and again, since one that is waited for would hold up the others. `command`
/// reads a group, at once or waiting.
pub(super) async fn wait(
    connection: &Connection,
    groups: &[Vec<String>],
    block: Duration,
    command: impl Fn(&[String], Option<Duration>) -> Cmd,
) -> RedisResult<ReadReply> {
    if let [group] = groups {
        return command(group, Some(block)).query_async(&mut connection.clone()).await;
    }
    let answers = join_all(groups.iter().map(|group| {
        let (command, mut connection) = (command(group, None), connection.clone());
        async move { command.query_async::<ReadReply>(&mut connection).await }
    }));
    let (mut news, mut failed) = (Vec::new(), None);
    for answer in answers.await {
        match answer {
            Ok(ReadReply(streams)) => news.extend(streams),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        // What has arrived is told; an error that lasts comes again.
        Some(error) if news.is_empty() => return Err(error),
        None if news.is_empty() => tokio::time::sleep(PAUSE).await,
        _ => {}
    }
    Ok(ReadReply(news))
}
