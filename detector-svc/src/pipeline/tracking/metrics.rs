//! What is recorded of tracks.

use std::sync::OnceLock;

use vision_metrics::catalogue::{
    ACTIVE_TRACKS, TRACK_LIFETIME, TRACKS_CONFIRMED, TRACKS_CREATED, TRACKS_LOST, TRACKS_RECOVERED,
};
use vision_metrics_client::{Counter, Gauge, Recorder, Summary};

use super::Tracked;
use crate::{
    model::Model,
    track::{LostReason, TrackEvent, TrackEventKind},
};

/// Handles, looked up once.
pub(super) struct TrackMetrics {
    model: String,
    active: Gauge,
    created: Counter,
    confirmed: Counter,
    recovered: Counter,
    lost: [Counter; REASONS.len()],
    /// By class, made when a track of it first ends.
    lifetimes: Vec<(String, OnceLock<Summary>)>,
    recorder: Recorder,
}

/// Every reason, in the order of their numbers.
const REASONS: [LostReason; 3] = [LostReason::Lost, LostReason::Replaced, LostReason::Shutdown];

impl TrackMetrics {
    pub(super) fn new(recorder: &Recorder, model: &Model) -> Self {
        let id = model.id.as_str();
        let active = recorder.gauge(&ACTIVE_TRACKS, &[id]);
        active.set(0.0);
        Self {
            active,
            created: recorder.counter(&TRACKS_CREATED, &[id]),
            confirmed: recorder.counter(&TRACKS_CONFIRMED, &[id]),
            recovered: recorder.counter(&TRACKS_RECOVERED, &[id]),
            lost: REASONS.map(|reason| recorder.counter(&TRACKS_LOST, &[id, reason.as_str()])),
            lifetimes: model.labels.iter().map(|label| (label.clone(), OnceLock::new())).collect(),
            model: id.to_owned(),
            recorder: recorder.clone(),
        }
    }

    /// Records what happened, and how many tracks there are now.
    pub(super) fn record(&self, events: &mut Vec<TrackEvent>, tracked: &mut Tracked) {
        events.drain(..).for_each(|event| self.event(&event));
        let active = tracked.tracker.active();
        if active != tracked.active {
            self.active.add(active as f64 - tracked.active as f64);
            tracked.active = active;
        }
    }

    fn event(&self, event: &TrackEvent) {
        match event.kind {
            TrackEventKind::Created => self.created.inc(),
            TrackEventKind::Confirmed => self.confirmed.inc(),
            TrackEventKind::Lost => {}
            TrackEventKind::Recovered => self.recovered.inc(),
            TrackEventKind::Removed { reason, lifetime } => {
                self.lost[reason as usize].inc();
                // What was seen once has no lifetime to speak of.
                if !lifetime.is_zero()
                    && let Some(summary) = self.lifetime(event.class_id)
                {
                    summary.observe_duration(lifetime);
                }
            }
        }
    }

    fn lifetime(&self, class_id: usize) -> Option<&Summary> {
        let (label, summary) = self.lifetimes.get(class_id)?;
        let new = || self.recorder.summary(&TRACK_LIFETIME, &[self.model.as_str(), label]);
        Some(summary.get_or_init(new))
    }
}
