//! Every frame of each stream, through a consumer group.
//!
//! One blocking `XREADGROUP` waits on all streams that have room; a script then reads on as far as there is room, and
//! looks at the stream in the same step, so that trimmed entries are known to the entry. An entry stays pending until
//! the frame has its verdict: whoever owns the stream next claims what is. So each entry is unread, pending or
//! acknowledged at any moment, and none is lost with a process.

mod acknowledge;
mod group;
mod position;
mod stream;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use redis::RedisResult;
use tokio::sync::{Notify, mpsc, watch};
use vision_metrics_client::Recorder;
use vision_service::readiness::ReadinessPart;

pub use self::acknowledge::Acknowledger;
use self::{
    acknowledge::{Fate, Returned},
    group::Group,
    stream::{Held, Reading, Stream},
};
use super::{
    BLOCK, PAUSE,
    portion::{Assigned as _, Portion, assign},
    reply::ReadReply,
    wait::wait,
};
use crate::{
    frame::StreamId,
    ownership::{Assignment, DrainedSender},
    pipeline::PipelineHandle,
    redis_client::{
        Connection, Policy, RedisClient, RedisLink, RedisMetrics, RedisSettings, has_vanished, is_refusal,
    },
    source::{FrameSource, SourceEvent},
};

/// Reads the streams of the policy `every`.
pub struct EverySource {
    link: RedisLink,
    claims: RedisMetrics,
    reading: Reading,
    connected: Option<Instant>,
    portion: Portion,
    streams: Vec<Stream>,
    /// Entries that are in flight of streams that are not this process's any more.
    left: HashMap<StreamId, Held>,
    returned: mpsc::UnboundedReceiver<Returned>,
    pipeline: PipelineHandle,
    drained: DrainedSender,
    part: ReadinessPart,
    /// What was read and not told yet.
    events: Vec<SourceEvent>,
}

/// What a source of every frame is made for.
pub(crate) struct EveryContext<'a> {
    pub(crate) client: &'a RedisClient,
    pub(crate) settings: &'a RedisSettings,
    /// Name of this consumer, different from every other's.
    pub(crate) replica: String,
    /// Whether streams are owned: then what is pending is claimed at once.
    pub(crate) owned: bool,
    pub(crate) recorder: &'a Recorder,
    pub(crate) connected: Arc<Notify>,
    pub(crate) assignment: watch::Receiver<Assignment>,
    pub(crate) drained: DrainedSender,
    pub(crate) pipeline: PipelineHandle,
    pub(crate) part: ReadinessPart,
}

impl EverySource {
    /// A source of the streams that are assigned to this process, and the task that acknowledges their frames.
    pub(crate) fn new(context: EveryContext<'_>) -> (Self, Acknowledger) {
        let EveryContext { client, settings, replica, owned, recorder, connected, assignment, .. } = context;
        let (receipts, settled) = mpsc::unbounded_channel();
        let (returned_tx, returned) = mpsc::unbounded_channel();
        let link = RedisLink::new(client, Duration::ZERO, "acknowledge", recorder, Arc::clone(&connected));
        let acknowledger = Acknowledger::new(link, &settings.group, assignment.clone(), settled, returned_tx);
        let source = Self {
            link: RedisLink::new(client, BLOCK, "read", recorder, connected),
            claims: RedisMetrics::new(recorder, "claim"),
            reading: Reading {
                group: Group { name: settings.group.clone(), consumer: replica },
                claim_first: if owned { Duration::ZERO } else { settings.claim_after },
                claim_after: settings.claim_after,
                max_deliveries: settings.max_deliveries,
                refused_pause: settings.reconnect_max,
                receipts,
            },
            connected: None,
            portion: Portion::new(assignment, Policy::Every),
            streams: Vec::new(),
            left: HashMap::new(),
            returned,
            pipeline: context.pipeline,
            drained: context.drained,
            part: context.part,
            events: Vec::new(),
        };
        (source, acknowledger)
    }

    async fn try_read(&mut self) -> RedisResult<()> {
        let now = Instant::now();
        self.take_returned(now);
        self.adopt(now);
        if self.streams.is_empty() {
            self.part.set(self.portion.is_known());
            if self.events.is_empty() {
                self.portion.wait(BLOCK).await;
            }
            return Ok(());
        }
        let (mut connection, since) = self.link.connection().await?;
        if self.connected.replace(since) != Some(since) {
            // What an earlier connection delivered may have been lost with it.
            self.streams.iter_mut().for_each(|stream| stream.begin_anew(now));
        }
        self.catch_up(&mut connection, since).await?;
        // Only now is it known where each stream stands: frames published from here on are seen.
        self.part.set(self.streams.iter().all(Stream::is_settled));
        // What was claimed does not wait for the next frame.
        if self.events.is_empty() {
            self.take_news(&mut connection, since).await?;
        }
        self.link.works();
        Ok(())
    }

    /// Takes over what is assigned, and lets go of what is not any more.
    fn adopt(&mut self, now: Instant) {
        if let Some(assigned) = self.portion.news() {
            let gone = assign(&mut self.streams, assigned, now, |owned| {
                let held = self.left.remove(&owned.stream.id).unwrap_or_default();
                Stream::new(owned, held, now)
            });
            for stream in gone {
                self.events.push(SourceEvent::Ended(stream.id().clone()));
                self.left.insert(stream.id().clone(), stream.into_held());
            }
            let names: Vec<_> = self.streams.iter().map(|stream| stream.id().as_str()).collect();
            tracing::debug!(streams = ?names, "reading every frame");
        }
        for stream in &mut self.streams {
            if stream.has_drained() {
                // Nobody wants to know when the process ends.
                let _ = self.drained.send(stream.id().clone());
            }
        }
    }

    /// Takes back entries that have their verdict.
    fn take_returned(&mut self, now: Instant) {
        while let Ok(Returned { stream: id, id: entry, fate }) = self.returned.try_recv() {
            match (self.streams.iter_mut().find(|stream| *stream.id() == id), fate) {
                (Some(stream), Fate::Over) => stream.let_go(entry),
                (Some(stream), Fate::Again { counted }) => {
                    stream.take_back(entry, counted, &self.reading, now, &mut self.events);
                }
                (None, _) => {
                    if let Some(held) = self.left.get_mut(&id) {
                        held.remove(&entry);
                    }
                }
            }
        }
        self.left.retain(|_, held| !held.is_empty());
    }

    /// Does for each stream what comes before new entries.
    async fn catch_up(&mut self, connection: &mut Connection, since: Instant) -> RedisResult<()> {
        let started = Instant::now();
        // An entry that may be what kills the process is looked at while no other comes again that may be.
        let mut suspected = self.streams.iter().any(Stream::has_suspect);
        for stream in self.streams.iter_mut().filter(|stream| stream.is_readable(started, since)) {
            if !stream.is_behind(started) {
                continue;
            }
            let room = if suspected { 0 } else { self.pipeline.room(stream.id()) };
            let caught_up = stream.catch_up(connection, &self.reading, room, &mut self.events).await;
            suspected |= stream.has_suspect();
            self.claims.observe(started, &caught_up);
            if let Err(error) = caught_up
                && let Some(refusal) = stream.failed(error, &self.reading)?
            {
                self.link.refused(stream.id().as_str(), &refusal);
            }
        }
        Ok(())
    }

    /// Streams that may be read at `now`, with how many entries each has room for, and how long they may be waited for.
    fn readable(&self, now: Instant, since: Instant) -> (BTreeMap<String, usize>, Duration) {
        let (mut rooms, mut soon) = (BTreeMap::new(), false);
        for stream in &self.streams {
            let room = stream.room(self.pipeline.room(stream.id()));
            let reads_on = stream.is_readable(now, since) && stream.reads_on(now);
            if reads_on && room > 0 {
                rooms.insert(stream.id().to_string(), room);
            }
            // One that is full is taken up again at once when it is not.
            soon |= stream.is_due(now + BLOCK) || (reads_on && room == 0);
        }
        (rooms, if soon { PAUSE } else { BLOCK })
    }

    async fn take_news(&mut self, connection: &mut Connection, since: Instant) -> RedisResult<()> {
        let (rooms, block) = self.readable(Instant::now(), since);
        if rooms.is_empty() {
            self.portion.wait(block).await;
            return Ok(());
        }
        let (groups, group) =
            (self.link.groups(&rooms.keys().cloned().collect::<Vec<_>>()), &self.reading.group);
        let news = wait(connection, &groups, block, |streams, block| group.read(streams, block)).await;
        let ReadReply(news) = match news {
            Ok(news) => news,
            Err(error) => return self.suspect(error).await,
        };
        for (name, entries) in news {
            let stream = self.streams.iter_mut().find(|stream| stream.id().as_str() == name);
            if let (Some(stream), Some(entry)) = (stream, entries.into_iter().next()) {
                let room = rooms.get(&name).copied().unwrap_or_default();
                let started = Instant::now();
                let taken = stream.take_news(connection, &self.reading, entry, room, &mut self.events).await;
                self.link.metrics().observe(started, &taken);
                if let Err(error) = taken {
                    stream.failed(error, &self.reading)?;
                }
            }
        }
        Ok(())
    }

    /// The reply does not say which stream is at fault: each is looked at.
    async fn suspect(&mut self, error: redis::RedisError) -> RedisResult<()> {
        self.link.metrics().fail(&error);
        if !is_refusal(&error) && !has_vanished(&error) {
            return Err(error);
        }
        self.link.refused("one of those that are read", &error);
        // Should it be the command that is refused, and no stream, this must not go round and round.
        tokio::time::sleep(PAUSE).await;
        let now = Instant::now();
        self.streams.iter_mut().for_each(|stream| stream.begin_anew(now));
        Ok(())
    }
}

impl FrameSource for EverySource {
    async fn read(&mut self) -> Vec<SourceEvent> {
        if let Err(error) = self.try_read().await {
            self.part.set(false);
            let pause = self.link.lost(&error, "read from Redis");
            if self.events.is_empty() {
                tokio::time::sleep(pause).await;
            }
        }
        self.read_so_far()
    }

    fn read_so_far(&mut self) -> Vec<SourceEvent> {
        std::mem::take(&mut self.events)
    }
}
