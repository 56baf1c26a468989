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

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use redis::{Client, RedisError, RedisResult, aio::MultiplexedConnection};
use vision_metrics_client::Recorder;
use vision_service::{rate_limit::OncePer, readiness::Readiness};

use self::{
    newest::{Newest, newest},
    position::{Counters, Position},
    reply::{RawEntry, ReadReply},
};
use super::{FrameSource, SourceEvent};
use crate::{
    frame::{FrameId, StreamId},
    ledger::DropReason,
    redis_client::{RedisMetrics, RedisSettings},
};

/// The condition of readiness that Redis can be read.
pub const READY_CONDITION: &str = "redis";
/// How long one read waits for news.
const BLOCK: Duration = Duration::from_secs(1);
/// First pause before a lost connection is tried again.
const RECONNECT_MIN: Duration = Duration::from_millis(50);
/// Value of the `operation` label.
const READ: &str = "read";

type Backoff = <ExponentialBuilder as backon::BackoffBuilder>::Backoff;

/// Reads camera streams from Redis.
pub struct RedisSource {
    settings: RedisSettings,
    client: Client,
    /// The stream of detections, which tells where an earlier run got to.
    output: String,
    streams: Vec<Stream>,
    connection: Option<MultiplexedConnection>,
    backoff: Backoff,
    /// What was read and not told yet.
    events: Vec<SourceEvent>,
    metrics: RedisMetrics,
    readiness: Readiness,
    log: OncePer,
}

struct Stream {
    id: StreamId,
    /// `None` before the first look.
    position: Option<Position>,
}

impl RedisSource {
    /// A source of the settings' streams. `output` is the stream that detections are published to.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(
        settings: RedisSettings,
        output: &str,
        recorder: &Recorder,
        readiness: Readiness,
    ) -> RedisResult<Self> {
        let streams = settings.streams.iter();
        Ok(Self {
            client: settings.client()?,
            output: output.to_owned(),
            streams: streams.map(|name| Stream { id: StreamId::new(name), position: None }).collect(),
            connection: None,
            backoff: backoff(&settings),
            events: Vec::new(),
            metrics: RedisMetrics::new(recorder),
            readiness,
            log: OncePer::new(Duration::from_secs(1)),
            settings,
        })
    }

    async fn try_read(&mut self) -> RedisResult<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let ReadReply(streams) = self.wait_for_news(&mut connection).await?;
        if streams.is_empty() {
            self.look_for_restarts(&mut connection).await?;
        }
        for (name, entries) in streams {
            let index = self.streams.iter().position(|stream| stream.id.as_str() == name);
            if let (Some(index), Some(entry)) = (index, entries.into_iter().next()) {
                self.take_newest(&mut connection, index, entry).await?;
            }
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Opens a connection; the first one also finds out where each stream stands.
    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.settings.reader(&self.client, BLOCK).await?;
        if self.streams.iter().any(|stream| stream.position.is_none()) {
            let published = resume::last_published(&mut connection, &self.output).await?;
            for index in 0..self.streams.len() {
                if self.streams[index].position.is_none() {
                    let resume = published.get(&self.streams[index].id).copied();
                    self.first_look(&mut connection, index, resume).await?;
                }
            }
        }
        tracing::info!(streams = ?self.settings.streams, "reading frames from Redis");
        self.backoff = backoff(&self.settings);
        self.readiness.set(READY_CONDITION, true);
        Ok(connection)
    }

    /// The newest frame is news, unless an earlier run has published it. Older ones are history.
    async fn first_look(
        &mut self,
        connection: &mut MultiplexedConnection,
        index: usize,
        resume: Option<FrameId>,
    ) -> RedisResult<()> {
        let id = self.streams[index].id.clone();
        let Newest { added, length, entry } = newest(connection, id.as_str(), resume).await?;
        let newest_id = entry.as_ref().and_then(|entry| FrameId::parse(&entry.id));
        let counters = Counters { added, length };
        self.streams[index].position = Some(Position::at(newest_id.or(resume), counters));
        // An entry that is older than the last one published belongs to the time before it, too.
        if let Some(entry) = entry.filter(|_| newest_id > resume) {
            self.deliver(&id, entry);
        }
        Ok(())
    }

    async fn wait_for_news(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<ReadReply> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        for stream in &self.streams {
            command.arg(stream.id.as_str());
        }
        for stream in &self.streams {
            let last = stream.position.and_then(|position| position.last());
            command.arg(last.unwrap_or_default().to_string());
        }
        command.query_async(connection).await
    }

    /// Delivers the newest entry of a stream that has just told of `entry`.
    async fn take_newest(
        &mut self,
        connection: &mut MultiplexedConnection,
        index: usize,
        entry: RawEntry,
    ) -> RedisResult<()> {
        let known = FrameId::parse(&entry.id);
        let started = Instant::now();
        let read = newest(connection, self.streams[index].id.as_str(), known).await;
        self.metrics.observe(READ, started, 1, &read);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                // The entry itself arrived; what lies around it is found out with the next one.
                self.deliver_at(index, entry, None, 0);
                return Err(error);
            }
        };
        let counters = Counters { added: read.added, length: read.length };
        match read.entry.filter(|newer| FrameId::parse(&newer.id) > known) {
            Some(newer) => self.deliver_at(index, newer, Some(counters), 1),
            None => self.deliver_at(index, entry, Some(counters), 0),
        }
        Ok(())
    }

    /// A stream that was deleted and begun again with lower identifiers would never be news to `XREAD`.
    async fn look_for_restarts(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for index in 0..self.streams.len() {
            let Some(position) = self.streams[index].position else {
                continue;
            };
            let read = newest(connection, self.streams[index].id.as_str(), position.last()).await?;
            let counters = Counters { added: read.added, length: read.length };
            let overtaken =
                |entry: &RawEntry| FrameId::parse(&entry.id).is_some_and(|id| position.is_overtaken_by(id));
            if let Some(entry) = read.entry.filter(overtaken) {
                self.deliver_at(index, entry, Some(counters), 0);
            }
        }
        Ok(())
    }

    /// Moves a stream's position to `entry` and tells of the gap before it.
    fn deliver_at(&mut self, index: usize, entry: RawEntry, counters: Option<Counters>, passed: u64) {
        let Stream { id: stream, position } = &mut self.streams[index];
        let stream = stream.clone();
        if let (Some(position), Some(id)) = (position.as_mut(), FrameId::parse(&entry.id)) {
            let gap = match counters {
                Some(counters) => position.advance(id, counters, passed),
                None => position.pass(id),
            };
            if gap.restarted {
                self.events.push(SourceEvent::Restarted(stream.clone()));
            }
            for (reason, frames) in
                [(DropReason::Trimmed, gap.trimmed), (DropReason::Superseded, gap.superseded)]
            {
                if frames > 0 {
                    self.events.push(SourceEvent::Missed { stream: stream.clone(), reason, frames });
                }
            }
        }
        self.deliver(&stream, entry);
    }

    fn deliver(&mut self, stream: &StreamId, entry: RawEntry) {
        self.events.push(match entry::parse(stream, &entry.id, &entry.fields) {
            Ok(frame) => SourceEvent::Frame(frame),
            Err(error) => {
                SourceEvent::Invalid { stream: stream.clone(), id: entry.id, reason: error.to_string() }
            }
        });
    }

    async fn lost(&mut self, error: RedisError) {
        self.connection = None;
        self.readiness.set(READY_CONDITION, false);
        self.metrics.count(READ, 1, Some(&error));
        let pause = self.backoff.next().unwrap_or(self.settings.reconnect_max);
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
        std::mem::take(&mut self.events)
    }
}

fn backoff(settings: &RedisSettings) -> Backoff {
    ExponentialBuilder::new()
        .with_min_delay(RECONNECT_MIN)
        .with_max_delay(settings.reconnect_max.max(RECONNECT_MIN))
        .without_max_times()
        .with_jitter()
        .build()
}
