//! What is recorded of tracks.

use std::{collections::HashMap, time::Duration};

use vision_metrics::catalogue::{
    ACTIVE_TRACKS, TRACK_LIFETIME, TRACKS_CONFIRMED, TRACKS_CREATED, TRACKS_LOST, TRACKS_RECOVERED,
};
use vision_metrics_client::{Counter, Gauge, Recorder, Summary};

use super::Tracked;
use crate::{
    model::Labels,
    track::{LostReason, TrackEvent, TrackEventKind},
};

/// Classes whose handles are kept at once: open vocabularies come and go.
const MAX_CLASSES: usize = 4096;

/// Handles, looked up once.
pub(super) struct TrackMetrics {
    model: String,
    active: Gauge,
    created: Counter,
    confirmed: Counter,
    recovered: Counter,
    lost: [Counter; REASONS.len()],
    /// By class, made when a track of it first ends.
    lifetimes: HashMap<String, Summary>,
    recorder: Recorder,
}

/// Every reason, in the order of their numbers.
const REASONS: [LostReason; 3] = [LostReason::Lost, LostReason::Replaced, LostReason::Shutdown];

impl TrackMetrics {
    pub(super) fn new(recorder: &Recorder, id: &str) -> Self {
        let active = recorder.gauge(&ACTIVE_TRACKS, &[id]);
        active.set(0.0);
        Self {
            active,
            created: recorder.counter(&TRACKS_CREATED, &[id]),
            confirmed: recorder.counter(&TRACKS_CONFIRMED, &[id]),
            recovered: recorder.counter(&TRACKS_RECOVERED, &[id]),
            lost: REASONS.map(|reason| recorder.counter(&TRACKS_LOST, &[id, reason.as_str()])),
            lifetimes: HashMap::new(),
            model: id.to_owned(),
            recorder: recorder.clone(),
        }
    }

    /// Records what happened, and how many tracks there are now.
    pub(super) fn record(&mut self, events: &mut Vec<TrackEvent>, tracked: &mut Tracked) {
        events.drain(..).for_each(|event| self.event(&event, &tracked.vocabulary.labels));
        let active = tracked.tracker.active();
        if active != tracked.active {
            self.active.add(active as f64 - tracked.active as f64);
            tracked.active = active;
        }
    }

    fn event(&mut self, event: &TrackEvent, labels: &Labels) {
        match event.kind {
            TrackEventKind::Created => self.created.inc(),
            TrackEventKind::Confirmed => self.confirmed.inc(),
            TrackEventKind::Lost => {}
            TrackEventKind::Recovered => self.recovered.inc(),
            TrackEventKind::Removed { reason, lifetime } => {
                self.lost[reason as usize].inc();
                // What was seen once has no lifetime to speak of.
                if !lifetime.is_zero() {
                    self.lifetime(labels.name(event.class_id), lifetime);
                }
            }
        }
    }

    fn lifetime(&mut self, label: &str, lifetime: Duration) {
        if !self.lifetimes.contains_key(label) {
            if self.lifetimes.len() >= MAX_CLASSES {
                self.lifetimes.clear();
            }
            let summary = self.recorder.summary(&TRACK_LIFETIME, &[self.model.as_str(), label]);
            self.lifetimes.insert(label.to_owned(), summary);
        }
        if let Some(summary) = self.lifetimes.get(label) {
            summary.observe_duration(lifetime);
        }
    }
}
