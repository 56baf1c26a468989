//! Following objects over the frames of a stream, or over the images of a caller's session.

mod metrics;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use vision_metrics_client::Recorder;

use self::metrics::TrackMetrics;
use super::job::FrameOrigin;
use crate::{
    detection::Detection,
    frame::{FrameId, StreamId},
    model::Vocabulary,
    track::{LostReason, TrackEvent, TrackSettings, Tracker},
};

/// Sessions of callers that are kept at once; past it the one unused for longest ends.
const MAX_SESSIONS: usize = 1024;
/// How long a caller's session may be without an image.
const SESSION_PATIENCE: Duration = Duration::from_secs(60);
/// How long a stream may be silent before its time goes on without it, so that what it tracked ends.
const STREAM_PATIENCE: Duration = Duration::from_secs(30);

/// How long a silent stream is remembered, so that its numbers go on when it does.
const STREAM_MEMORY: Duration = Duration::from_secs(3600);

/// One tracker for each stream and session.
pub(super) struct Tracking {
    settings: TrackSettings,
    streams: HashMap<StreamId, Tracked>,
    sessions: HashMap<Arc<str>, Tracked>,
    events: Vec<TrackEvent>,
    metrics: TrackMetrics,
    /// What the time of sessions counts from: their images bring none.
    epoch: Instant,
}

/// A tracker and where it stands.
struct Tracked {
    tracker: Tracker,
    /// What its images were searched for: names for the classes of its tracks.
    vocabulary: Arc<Vocabulary>,
    /// When it last had an image.
    seen: Instant,
    /// The newest frame of a stream.
    newest: Option<FrameId>,
    /// The last image's time.
    time: Duration,
    /// Tracks as they were last told of.
    active: usize,
}

impl Tracking {
    /// `None` when nothing is tracked.
    pub(super) fn new(
        settings: &TrackSettings,
        model_id: &str,
        recorder: &Recorder,
        now: Instant,
    ) -> Option<Self> {
        settings.enabled.then(|| Self {
            settings: settings.clone(),
            streams: HashMap::new(),
            sessions: HashMap::new(),
            events: Vec::new(),
            metrics: TrackMetrics::new(recorder, model_id),
            epoch: now,
        })
    }

    /// Least score that is of use to a tracker, lower than what is published: it keeps tracks alive.
    pub(super) fn least_score(&self) -> f32 {
        self.settings.low_threshold as f32
    }

    /// Gives the detections in a frame of a stream their identities.
    pub(super) fn frame(
        &mut self,
        frame: &FrameOrigin,
        detections: &mut [Detection],
        vocabulary: &Arc<Vocabulary>,
        now: Instant,
    ) {
        if !self.streams.contains_key(&frame.stream) {
            self.streams.insert(frame.stream.clone(), Tracked::new(&self.settings, vocabulary, now));
        }
        if let Some(tracked) = self.streams.get_mut(&frame.stream) {
            // A frame that comes again has had its turn, or is older than what is known by now.
            if tracked.newest.replace(tracked.newest.unwrap_or_default().max(frame.id)) >= Some(frame.id) {
                return;
            }
            tracked.search(vocabulary, &mut self.events, &mut self.metrics);
            tracked.update(frame.captured, detections, now, &mut self.events);
            self.metrics.record(&mut self.events, tracked);
        }
    }

    /// Gives the detections in an image of a caller's session, received at `received`, their identities.
    pub(super) fn image(
        &mut self,
        session: &Arc<str>,
        detections: &mut [Detection],
        vocabulary: &Arc<Vocabulary>,
        received: Instant,
        now: Instant,
    ) {
        if !self.sessions.contains_key(session) {
            self.make_room();
            self.sessions.insert(Arc::clone(session), Tracked::new(&self.settings, vocabulary, now));
        }
        if let Some(tracked) = self.sessions.get_mut(session) {
            tracked.search(vocabulary, &mut self.events, &mut self.metrics);
            tracked.update(received.duration_since(self.epoch), detections, now, &mut self.events);
            self.metrics.record(&mut self.events, tracked);
        }
    }

    /// Ends what was tracked in a stream that has ended.
    pub(super) fn end_stream(&mut self, stream: &StreamId) {
        if let Some(tracked) = self.streams.remove(stream) {
            self.end(tracked, LostReason::Shutdown);
        }
    }

    /// Looks after streams and sessions that have no images any more.
    pub(super) fn sweep(&mut self, now: Instant) {
        for tracked in self.streams.values_mut() {
            let idle = now.saturating_duration_since(tracked.seen);
            if idle >= STREAM_PATIENCE && tracked.active > 0 {
                tracked.tracker.update(tracked.time + idle, &mut [], &mut self.events);
                self.metrics.record(&mut self.events, tracked);
            }
        }
        // A stream that has ended is heard of once more by what was in flight.
        self.streams.retain(|_, tracked| now.saturating_duration_since(tracked.seen) < STREAM_MEMORY);
        let unused = |tracked: &Tracked| now.saturating_duration_since(tracked.seen) >= SESSION_PATIENCE;
        let ended: Vec<Tracked> =
            self.sessions.extract_if(|_, tracked| unused(tracked)).map(|(_, t)| t).collect();
        ended.into_iter().for_each(|tracked| self.end(tracked, LostReason::Lost));
    }

    /// Ends everything.
    pub(super) fn finish(&mut self) {
        let sessions = self.sessions.drain().map(|(_, tracked)| tracked);
        let all: Vec<Tracked> = self.streams.drain().map(|(_, tracked)| tracked).chain(sessions).collect();
        all.into_iter().for_each(|tracked| self.end(tracked, LostReason::Shutdown));
    }

    fn end(&mut self, mut tracked: Tracked, reason: LostReason) {
        tracked.tracker.finish(reason, &mut self.events);
        self.metrics.record(&mut self.events, &mut tracked);
    }

    fn make_room(&mut self) {
        if self.sessions.len() < MAX_SESSIONS {
            return;
        }
        let unused =
            self.sessions.iter().min_by_key(|(_, tracked)| tracked.seen).map(|(name, _)| Arc::clone(name));
        if let Some(tracked) = unused.and_then(|name| self.sessions.remove(&name)) {
            self.end(tracked, LostReason::Lost);
        }
    }
}

impl Tracked {
    fn new(settings: &TrackSettings, vocabulary: &Arc<Vocabulary>, now: Instant) -> Self {
        Self {
            tracker: Tracker::new(settings),
            vocabulary: Arc::clone(vocabulary),
            seen: now,
            newest: None,
            time: Duration::ZERO,
            active: 0,
        }
    }

    /// Ends what was tracked when images are searched for something else from now on: its classes mean nothing there.
    fn search(
        &mut self,
        vocabulary: &Arc<Vocabulary>,
        events: &mut Vec<TrackEvent>,
        metrics: &mut TrackMetrics,
    ) {
        if self.vocabulary.labels != vocabulary.labels {
            self.tracker.finish(LostReason::Replaced, events);
            metrics.record(events, self);
        }
        self.vocabulary = Arc::clone(vocabulary);
    }

    fn update(
        &mut self,
        time: Duration,
        detections: &mut [Detection],
        now: Instant,
        events: &mut Vec<TrackEvent>,
    ) {
        self.tracker.update(time, detections, events);
        (self.seen, self.time) = (now, time);
    }
}

#[cfg(test)]
mod tests;
