//! Finds the streams that the settings' patterns match, at the start and while running.

use std::time::Instant;

use redis::{RedisResult, Value, from_redis_value};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use vision_service::readiness::ReadinessPart;

use super::streams::StreamSet;
use crate::{
    ownership::Known,
    redis_client::{Connection, NodeRoute, RedisLink},
};

/// Keys that one step of a scan looks at.
const SCAN_COUNT: usize = 1000;

/// Tells in `known` which streams there are, every `discover_every`, until `stop` is cancelled.
pub(crate) async fn discover(
    mut streams: StreamSet,
    mut link: RedisLink,
    every: std::time::Duration,
    known: watch::Sender<Known>,
    mut part: ReadinessPart,
    stop: CancellationToken,
) {
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            looks.tick().await;
            let looked = look(&mut streams, &mut link).await;
            part.set(looked.is_ok());
            match looked {
                Ok(()) => tell(&streams, &known),
                Err(error) => tokio::time::sleep(link.lost(&error, "look for streams")).await,
            }
        }
    };
    stop.run_until_cancelled(looking).await;
}

/// One look with every pattern; without any, whether Redis is there.
async fn look(streams: &mut StreamSet, link: &mut RedisLink) -> RedisResult<()> {
    let (mut connection, _) = link.connection().await?;
    let started = Instant::now();
    let found = find(&mut connection, streams.patterns()).await;
    link.metrics().observe(started, &found);
    streams.look(found?);
    link.works();
    Ok(())
}

async fn find(connection: &mut Connection, patterns: impl Iterator<Item = &str>) -> RedisResult<Vec<String>> {
    let mut found = Vec::new();
    let mut patterns = patterns.peekable();
    if patterns.peek().is_none() {
        let _pong: Value = redis::cmd("PING").query_async(connection).await?;
        return Ok(found);
    }
    let nodes = connection.nodes_with_keys().await?;
    for pattern in patterns {
        for node in &nodes {
            found.extend(matching(connection, node, pattern).await?);
        }
    }
    Ok(found)
}

/// Streams of one node that a pattern matches, perhaps some twice.
async fn matching(connection: &mut Connection, node: &NodeRoute, pattern: &str) -> RedisResult<Vec<String>> {
    let mut found = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(&cursor).arg("MATCH").arg(pattern).arg("TYPE").arg("stream").arg("COUNT").arg(SCAN_COUNT);
        let (next, names): (String, Vec<Vec<u8>>) = from_redis_value(connection.ask(node, scan).await?)?;
        // Names that are no text cannot be labels of metrics.
        found.extend(names.into_iter().filter_map(|name| String::from_utf8(name).ok()));
        if next == "0" {
            return Ok(found);
        }
        cursor = next;
    }
}

fn tell(streams: &StreamSet, known: &watch::Sender<Known>) {
    let streams = streams.known();
    known.send_if_modified(|known| {
        let changed = known.as_deref() != Some(streams.as_slice());
        if changed {
            *known = Some(streams.into());
        }
        changed
    });
}
