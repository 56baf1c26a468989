//! The stream of labels: detectors tell in it what they look for, and what somebody else adds to it while they run is
//! what they look for from then on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{FromRedisValue as _, RedisResult, Value};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::ERRORS;
use vision_metrics_client::{Counter, Recorder};
use vision_service::readiness::ReadinessPart;

use super::{
    entry::Fields,
    reply::{RawEntry, ReadReply},
};
use crate::{
    model::VocabularyError,
    pipeline::PipelineHandle,
    publish::LABELS_SOURCE,
    redis_client::{Connection, RedisClient, RedisLink, is_refusal},
};

/// How long one read waits for news.
const BLOCK: Duration = Duration::from_secs(1);
/// Entries that are read at once; their publisher keeps one.
const COUNT: usize = 16;
/// Pause before a stream that the server refuses to read is tried again.
const REFUSED: Duration = Duration::from_secs(60);
/// What is read after when the stream has no entry.
const BEGINNING: &str = "0-0";

/// Has the model's vocabulary follow the stream of labels.
pub(crate) struct LabelReader {
    stream: String,
    link: RedisLink,
    /// Since when the connection is open that the stream was last looked at over.
    connected: Option<Instant>,
    /// The last entry that was seen; `None` before the first look.
    last: Option<String>,
    pipeline: PipelineHandle,
    errors: Counter,
    /// Whether it was said that this model looks for its own classes only.
    said_closed: bool,
    part: ReadinessPart,
}

/// The part of an entry's metadata that tells who wrote it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    source: Option<String>,
}

impl LabelReader {
    /// A reader of `stream` that sets what the streams of `pipeline` are searched for.
    pub(crate) fn new(
        stream: &str,
        client: &RedisClient,
        pipeline: PipelineHandle,
        recorder: &Recorder,
        part: ReadinessPart,
    ) -> Self {
        Self {
            stream: stream.to_owned(),
            // That this connection is new is no reason to publish labels: it would be news for itself.
            link: RedisLink::new(client, BLOCK, "read_labels", recorder, Arc::new(Notify::new())),
            connected: None,
            last: None,
            pipeline,
            errors: recorder.counter(&ERRORS, &["source", "labels"]),
            said_closed: false,
            part,
        }
    }

    /// Reads until `stop` is cancelled.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let reading = async {
            loop {
                if let Err(error) = self.read().await {
                    let pause = self.pause(&error);
                    tokio::time::sleep(pause).await;
                }
            }
        };
        stop.run_until_cancelled(reading).await;
    }

    /// How long to wait after an error. Frames are looked at without the stream, so that it is refused is no reason not
    /// to be ready.
    fn pause(&mut self, error: &redis::RedisError) -> Duration {
        let refused = is_refusal(error);
        self.part.set(refused);
        if refused {
            self.link.refused(&self.stream, error);
            REFUSED
        } else {
            self.link.lost(error, "read the stream of labels")
        }
    }

    /// Waits for news for a while and acts on it.
    async fn read(&mut self) -> RedisResult<()> {
        let (mut connection, since) = self.link.connection().await?;
        if self.connected != Some(since) {
            self.look(&mut connection).await?;
            self.connected = Some(since);
        }
        self.part.set(true);
        let news = self.wait(&mut connection).await;
        let ReadReply(streams) = news.inspect_err(|error| self.link.metrics().fail(error))?;
        self.link.works();
        for entry in streams.into_iter().flat_map(|(_, entries)| entries) {
            self.take(entry).await;
        }
        Ok(())
    }

    /// Looks where the stream stands: what is there the first time is history, later it has come meanwhile.
    async fn look(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let started = Instant::now();
        let mut newest = redis::cmd("XREVRANGE");
        newest.arg(&self.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let entries: RedisResult<Vec<Value>> = newest.query_async(connection).await;
        self.link.metrics().observe(started, &entries);
        let newest = entries?.into_iter().next().map(RawEntry::from_redis_value).transpose()?;
        match (newest, &self.last) {
            (Some(entry), Some(last)) if entry.id != *last => self.take(entry).await,
            (Some(entry), None) => self.last = Some(entry.id),
            (Some(_), Some(_)) => {}
            // It was deleted, or never there: whatever comes is news.
            (None, _) => self.last = Some(BEGINNING.to_owned()),
        }
        Ok(())
    }

    async fn wait(&self, connection: &mut Connection) -> RedisResult<ReadReply> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64);
        read.arg("STREAMS").arg(&self.stream).arg(self.last.as_deref().unwrap_or(BEGINNING));
        read.query_async(connection).await
    }

    /// Has the streams searched for what an entry says; one that says nothing of use changes nothing.
    async fn take(&mut self, entry: RawEntry) {
        match wanted(&entry.fields) {
            Ok(Some(labels)) => self.set(&entry.id, labels).await,
            Ok(None) => {}
            Err(reason) => self.refuse(&entry.id, &reason),
        }
        self.last = Some(entry.id);
    }

    async fn set(&mut self, id: &str, labels: Vec<String>) {
        let (stream, pipeline, wish) = (&self.stream, self.pipeline.clone(), labels.clone());
        // Many words take a while to become tokens.
        let set = tokio::task::spawn_blocking(move || pipeline.set_vocabulary(&wish)).await;
        let Ok(set) = set else {
            return self.refuse(id, "reading them failed");
        };
        match set {
            Ok(()) => tracing::info!(stream, entry = id, ?labels, "streams are searched for other labels"),
            Err(VocabularyError::Closed) if self.said_closed => {}
            Err(error @ VocabularyError::Closed) => {
                tracing::info!(stream, entry = id, reason = %error, "labels are not taken over");
                self.said_closed = true;
            }
            Err(error) => self.refuse(id, &error.to_string()),
        }
    }

    fn refuse(&self, id: &str, reason: &str) {
        self.errors.inc();
        tracing::warn!(stream = self.stream, entry = id, reason, "labels are not taken over");
    }
}

/// The labels that an entry asks for; `None` when a detector tells which are its own.
fn wanted(fields: &Fields) -> Result<Option<Vec<String>>, String> {
    // What of the metadata cannot be read is no detector's.
    let metadata =
        fields.get(b"metadata".as_slice()).and_then(|json| serde_json::from_slice::<Metadata>(json).ok());
    if metadata.and_then(|metadata| metadata.source).is_some_and(|source| source == LABELS_SOURCE) {
        return Ok(None);
    }
    let labels = fields.get(b"labels".as_slice()).ok_or("labels: is missing")?;
    let labels = serde_json::from_slice(labels);
    labels.map(Some).map_err(|error| format!("labels: is no JSON list of texts: {error}"))
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
