//! Camera streams in Redis, the newest frame of each whenever there is room for one.
//!
//! One blocking `XREAD` waits on all streams. What it returns is the oldest news of a stream; a script then reads
//! the stream's counters and, if there is a newer one, its newest entry, in one step: so what was passed over and
//! what the publisher trimmed is known to the frame.

pub mod entry;
mod newest;
mod position;
mod reply;
mod resume;
mod stream;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use redis::{RedisError, RedisResult};
use tokio::sync::Notify;
use vision_metrics_client::Recorder;
use vision_service::{rate_limit::OncePer, readiness::ReadinessPart};

use self::{reply::ReadReply, stream::Stream};
use super::{FrameSource, SourceEvent};
use crate::{
    frame::{FrameId, StreamId},
    redis_client::{Connection, RedisClient, RedisMetrics, RedisSettings},
};

/// The condition of readiness that Redis can be read.
pub const READY_CONDITION: &str = "redis";
/// How long one read waits for news.
const BLOCK: Duration = Duration::from_secs(1);
/// First pause before a lost connection is tried again.
const RECONNECT_MIN: Duration = Duration::from_millis(50);

type Backoff = <ExponentialBuilder as backon::BackoffBuilder>::Backoff;

/// Reads camera streams from Redis.
pub struct RedisSource {
    settings: RedisSettings,
    client: RedisClient,
    /// The stream of detections, which tells where an earlier run got to.
    output: String,
    /// The newest frame of each stream that an earlier run has published; `None` before the first connection.
    published: Option<HashMap<StreamId, FrameId>>,
    streams: Vec<Stream>,
    connection: Option<Connection>,
    /// Told of each new connection.
    connected: Arc<Notify>,
    backoff: Backoff,
    /// What was read and not told yet.
    events: Vec<SourceEvent>,
    metrics: RedisMetrics,
    readiness: ReadinessPart,
    log: OncePer,
}

impl RedisSource {
    /// A source of the settings' streams, which one command can name together ([`RedisClient::groups`]). `output` is
    /// the stream that detections are published to; `readiness` is [`READY_CONDITION`], or this source's part in it;
    /// `connected` is told of each new connection.
    #[must_use]
    pub fn new(
        client: RedisClient,
        settings: RedisSettings,
        output: &str,
        recorder: &Recorder,
        readiness: ReadinessPart,
        connected: Arc<Notify>,
    ) -> Self {
        let now = Instant::now();
        Self {
            client,
            output: output.to_owned(),
            published: None,
            streams: settings.streams.iter().map(|name| Stream::new(name, now)).collect(),
            connection: None,
            connected,
            backoff: backoff(&settings),
            events: Vec::new(),
            metrics: RedisMetrics::new(recorder, "read"),
            readiness,
            log: OncePer::new(Duration::from_secs(1)),
            settings,
        }
    }

    async fn try_read(&mut self) -> RedisResult<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.look(&mut connection).await?;
        // Only now is it known where each stream stands: frames published from here on are seen.
        self.readiness.set(true);
        // A frame that was found by looking does not wait for the next one.
        if self.events.is_empty() {
            let ReadReply(streams) = self.wait_for_news(&mut connection).await?;
            for (name, entries) in streams {
                let stream = self.streams.iter_mut().find(|stream| stream.id.as_str() == name);
                if let (Some(stream), Some(entry)) = (stream, entries.into_iter().next()) {
                    stream.take_newest(&mut connection, entry, &self.metrics, &mut self.events).await?;
                }
            }
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Opens a connection; the first one also finds out what an earlier run has published.
    async fn connect(&mut self) -> RedisResult<Connection> {
        let mut connection = self.client.reader(BLOCK).await?;
        if self.published.is_none() {
            let published = resume::last_published(&mut connection, &self.output).await;
            self.published = Some(match published {
                Err(error) if is_refusal(&error) => {
                    tracing::warn!(stream = self.output, %error, "cannot tell what an earlier run has published");
                    HashMap::new()
                }
                published => published?,
            });
        }
        tracing::info!(streams = ?self.settings.streams, "reading frames from Redis");
        self.backoff = backoff(&self.settings);
        // Redis may have come back with another copy of a stream.
        let now = Instant::now();
        self.streams.iter_mut().for_each(|stream| stream.suspect(now));
        self.connected.notify_one();
        Ok(connection)
    }

    /// Looks at the streams that are due. One that the server refuses to read is set aside: the others go on.
    async fn look(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let now = Instant::now();
        for stream in self.streams.iter_mut().filter(|stream| stream.is_due(now)) {
            let resume = self.published.as_ref().and_then(|published| published.get(&stream.id).copied());
            match stream.look(connection, resume, &mut self.events).await {
                Err(error) if is_refusal(&error) => {
                    stream.set_aside(now + self.settings.reconnect_max);
                    self.metrics.fail(&error);
                    if let Some(suppressed) = self.log.pass(now) {
                        tracing::warn!(stream = %stream.id, %error, suppressed, "stream cannot be read");
                    }
                }
                looked => looked?,
            }
        }
        Ok(())
    }

    async fn wait_for_news(&mut self, connection: &mut Connection) -> RedisResult<ReadReply> {
        let readable =
            self.streams.iter().filter_map(|stream| Some((stream.id.as_str(), stream.read_after()?)));
        let (names, after): (Vec<_>, Vec<_>) =
            readable.map(|(name, after)| (name, after.to_string())).unzip();
        if names.is_empty() {
            tokio::time::sleep(self.settings.reconnect_max).await;
            return Ok(ReadReply(Vec::new()));
        }
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        match command.arg(names).arg(after).query_async(connection).await {
            // The reply does not say which stream is at fault: each is looked at.
            Err(error) if is_refusal(&error) => {
                let now = Instant::now();
                self.streams.iter_mut().for_each(|stream| stream.suspect(now));
                Ok(ReadReply(Vec::new()))
            }
            reply => reply,
        }
    }

    async fn lost(&mut self, error: RedisError) {
        self.connection = None;
        self.readiness.set(false);
        self.metrics.fail(&error);
        let longest = self.settings.reconnect_max;
        let pause = self.backoff.next().map_or(longest, |pause| pause.min(longest));
        if let Some(suppressed) = self.log.pass(Instant::now()) {
            tracing::warn!(%error, retry_in = ?pause, suppressed, "failed to read from Redis");
        }
        tokio::time::sleep(pause).await;
    }
}

impl FrameSource for RedisSource {
    async fn read(&mut self) -> Vec<SourceEvent> {
        if let Err(error) = self.try_read().await
            && self.events.is_empty()
        {
            self.lost(error).await;
        }
        self.read_so_far()
    }

    fn read_so_far(&mut self) -> Vec<SourceEvent> {
        std::mem::take(&mut self.events)
    }
}

/// Whether the server answers, and refuses to read one key: a matter of that key alone.
fn is_refusal(error: &RedisError) -> bool {
    let message = error.to_string();
    ["WRONGTYPE", "NOPERM"].iter().any(|code| message.contains(code))
}

fn backoff(settings: &RedisSettings) -> Backoff {
    ExponentialBuilder::new()
        .with_min_delay(RECONNECT_MIN)
        .with_max_delay(settings.reconnect_max.max(RECONNECT_MIN))
        .without_max_times()
        .with_jitter()
        .build()
}
