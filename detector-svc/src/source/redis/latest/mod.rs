//! The newest frame of each stream whenever there is room for one.
//!
//! One blocking `XREAD` waits on all streams. What it returns is the oldest news of a stream; a script then reads
//! the stream's counters and, if there is a newer one, its newest entry, in one step: so what was passed over and
//! what the publisher trimmed is known to the frame.

mod newest;
mod position;
mod resume;
mod stream;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{Cmd, RedisResult};
use tokio::sync::{Notify, watch};
use vision_metrics_client::Recorder;
use vision_service::readiness::ReadinessPart;

use self::{resume::Published, stream::Stream};
use super::{
    BLOCK, PAUSE,
    portion::{Assigned as _, Portion, assign},
    reply::ReadReply,
    wait::wait,
};
use crate::{
    ledger::Ledger,
    ownership::{Assignment, DrainedSender},
    redis_client::{Connection, Policy, RedisClient, RedisLink, RedisSettings, is_refusal},
    source::{FrameSource, SourceEvent},
};

/// Reads the streams of the policy `latest`.
pub struct LatestSource {
    settings: RedisSettings,
    link: RedisLink,
    /// Since when the connection is open that the streams were last looked at over.
    connected: Option<Instant>,
    portion: Portion,
    streams: Vec<Stream>,
    published: Published,
    ledger: Ledger,
    drained: DrainedSender,
    part: ReadinessPart,
    /// What was read and not told yet.
    events: Vec<SourceEvent>,
}

/// What a source of the newest frames is made for.
pub(crate) struct LatestContext<'a> {
    pub(crate) client: &'a RedisClient,
    pub(crate) settings: &'a RedisSettings,
    /// The stream that detections are published to.
    pub(crate) output: &'a str,
    pub(crate) recorder: &'a Recorder,
    pub(crate) connected: Arc<Notify>,
    pub(crate) assignment: watch::Receiver<Assignment>,
    pub(crate) drained: DrainedSender,
    /// Knows which streams have frames in flight.
    pub(crate) ledger: Ledger,
    pub(crate) part: ReadinessPart,
}

impl LatestSource {
    /// A source of the streams that are assigned to this process.
    pub(crate) fn new(context: LatestContext<'_>) -> Self {
        let LatestContext { client, settings, output, recorder, connected, .. } = context;
        Self {
            link: RedisLink::new(client, BLOCK, "read", recorder, connected),
            settings: settings.clone(),
            connected: None,
            portion: Portion::new(context.assignment, Policy::Latest),
            streams: Vec::new(),
            published: Published::new(output),
            ledger: context.ledger,
            drained: context.drained,
            part: context.part,
            events: Vec::new(),
        }
    }

    async fn try_read(&mut self) -> RedisResult<()> {
        let now = Instant::now();
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
            // Redis may have come back with another copy of a stream.
            self.streams.iter_mut().for_each(|stream| stream.reconnected(now));
        }
        self.tell_drained();
        self.look(&mut connection, since).await?;
        // Only now is it known where each stream stands: frames published from here on are seen.
        self.part.set(self.streams.iter().all(Stream::is_settled));
        // A frame that was found by looking does not wait for the next one.
        if self.events.is_empty() {
            self.take_news(&mut connection, since).await?;
        }
        self.link.works();
        Ok(())
    }

    /// Takes over what is assigned, and lets go of what is not any more.
    fn adopt(&mut self, now: Instant) {
        let Some(assigned) = self.portion.news() else {
            return;
        };
        self.published.forget();
        let gone = assign(&mut self.streams, assigned, now, |owned| Stream::new(owned, now));
        self.events.extend(gone.iter().map(|stream| SourceEvent::Ended(stream.id().clone())));
        let names: Vec<_> = self.streams.iter().map(|stream| stream.id().as_str()).collect();
        tracing::debug!(streams = ?names, "reading the newest frames");
    }

    /// Tells which streams have nothing in flight any more, of those that are to be given up.
    fn tell_drained(&mut self) {
        for stream in self.streams.iter_mut().filter(|stream| stream.is_draining()) {
            if self.ledger.in_flight_of(stream.id()) == 0 {
                stream.has_drained();
                // Nobody wants to know when the process ends.
                let _ = self.drained.send(stream.id().clone());
            }
        }
    }

    /// Looks at the streams that are due. One that the server refuses to read is set aside: the others go on.
    async fn look(&mut self, connection: &mut Connection, since: Instant) -> RedisResult<()> {
        let now = Instant::now();
        let due = |stream: &&mut Stream| stream.is_due(now) && stream.is_readable(now, since);
        for stream in self.streams.iter_mut().filter(due) {
            let resume =
                if stream.is_taken_over() { self.published.of(connection, stream.id()).await? } else { None };
            let looked = stream.look(connection, resume, &mut self.events).await;
            self.link.metrics().observe(now, &looked);
            match looked {
                Err(error) if is_refusal(&error) => {
                    stream.set_aside(now + self.settings.reconnect_max);
                    self.link.refused(stream.id().as_str(), &error);
                }
                looked => looked?,
            }
        }
        Ok(())
    }

    async fn take_news(&mut self, connection: &mut Connection, since: Instant) -> RedisResult<()> {
        let ReadReply(streams) = self.wait_for_news(connection, since).await?;
        for (name, entries) in streams {
            let stream = self.streams.iter_mut().find(|stream| stream.id().as_str() == name);
            if let (Some(stream), Some(entry)) = (stream, entries.into_iter().next()) {
                stream.take_newest(connection, entry, self.link.metrics(), &mut self.events).await?;
            }
        }
        Ok(())
    }

    async fn wait_for_news(&mut self, connection: &Connection, since: Instant) -> RedisResult<ReadReply> {
        let now = Instant::now();
        let readable = self.streams.iter().filter(|stream| stream.is_readable(now, since));
        let readable = readable.filter_map(|stream| Some((stream.id().as_str(), stream.read_after()?)));
        let after: BTreeMap<_, _> =
            readable.map(|(name, after)| (name.to_owned(), after.to_string())).collect();
        // A stream that cannot be read yet, or is about to be given up, is soon looked at again.
        let waits = self.streams.iter().any(|stream| stream.is_draining() || !stream.is_settled());
        let block = if waits { PAUSE } else { BLOCK };
        if after.is_empty() {
            self.portion.wait(block).await;
            return Ok(ReadReply(Vec::new()));
        }
        let groups = self.link.groups(&after.keys().cloned().collect::<Vec<_>>());
        match wait(connection, &groups, block, |streams, block| read(streams, &after, block)).await {
            // The reply does not say which stream is at fault: each is looked at.
            Err(error) if is_refusal(&error) => {
                self.link.metrics().fail(&error);
                self.link.refused("one of those that are read", &error);
                // Should it be the command that is refused, and no stream, this must not go round and round.
                tokio::time::sleep(PAUSE).await;
                let now = Instant::now();
                self.streams.iter_mut().for_each(|stream| stream.suspect(now));
                Ok(ReadReply(Vec::new()))
            }
            reply => reply.inspect_err(|error| self.link.metrics().fail(error)),
        }
    }
}

impl FrameSource for LatestSource {
    async fn read(&mut self) -> Vec<SourceEvent> {
        if let Err(error) = self.try_read().await {
            self.part.set(false);
            let pause: Duration = self.link.lost(&error, "read from Redis");
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

/// Reads one entry of each stream that comes after the given one.
fn read(streams: &[String], after: &BTreeMap<String, String>, block: Option<Duration>) -> Cmd {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(1);
    if let Some(block) = block {
        command.arg("BLOCK").arg(block.as_millis() as u64);
    }
    let after: Vec<_> = streams.iter().filter_map(|stream| after.get(stream)).collect();
    command.arg("STREAMS").arg(streams).arg(after);
    command
}
