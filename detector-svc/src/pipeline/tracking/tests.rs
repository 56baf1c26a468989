//! Streams and sessions that come and go, and what is recorded of their tracks.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use vision_metrics::{Registry, SeriesValue};

use bytes::Bytes;

use super::*;
use crate::{
    detection::{BoundingBox, TrackId},
    frame::FrameId,
    model::fixture::vocabulary,
};

struct Fixture {
    registry: Arc<Registry>,
    tracking: Tracking,
    start: Instant,
    vocabulary: Arc<Vocabulary>,
}

impl Fixture {
    fn new() -> Self {
        let registry = Arc::new(Registry::new(""));
        let start = Instant::now();
        let recorder = Recorder::local(Arc::clone(&registry));
        let tracking = Tracking::new(&TrackSettings::default(), "pets", &recorder, start).unwrap();
        Self { registry, tracking, start, vocabulary: Arc::new(vocabulary(&["person"])) }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// One object in a frame of the stream, and the identity that it gets.
    fn frame(&mut self, stream: &str, millis: u64) -> Option<TrackId> {
        let frame = FrameOrigin {
            stream: StreamId::new(stream),
            id: FrameId { milliseconds: millis, sequence: 0 },
            captured: Duration::from_millis(1_000_000 + millis),
            robot_pose: None,
            metadata: Bytes::new(),
            lease: None,
        };
        let mut found = [object()];
        let now = self.at(millis);
        self.tracking.frame(&frame, &mut found, &self.vocabulary, now);
        found[0].track_id
    }

    fn image(&mut self, session: &str, millis: u64) -> Option<TrackId> {
        let mut found = [object()];
        let now = self.at(millis);
        self.tracking.image(&Arc::from(session), &mut found, &self.vocabulary, now, now);
        found[0].track_id
    }

    /// Everything that has a value, by name and last label.
    fn read(&self) -> BTreeMap<String, f64> {
        let snapshot = self.registry.snapshot(Duration::from_secs(1_000_000));
        let series = snapshot.metrics.iter().flat_map(|metric| {
            metric.series().map(move |series| {
                let last =
                    series.labels.iter().last().map_or_else(String::new, |(_, value)| value.into_owned());
                let value = match &series.value {
                    SeriesValue::Counter(value) | SeriesValue::Gauge(value) => *value,
                    SeriesValue::Summary(summary) => summary.count as f64,
                    SeriesValue::Histogram(_) => panic!("{} is a histogram", metric.name),
                };
                (format!("{} {last}", metric.name), value)
            })
        });
        series.filter(|(_, value)| *value != 0.0).collect()
    }
}

fn object() -> Detection {
    let bounding_box = BoundingBox { x_min: 10.0, y_min: 10.0, x_max: 50.0, y_max: 90.0 };
    Detection { class_id: 0, confidence: 0.9, bounding_box, track_id: None, mask: None }
}

#[test]
fn streams_and_sessions_of_one_name_have_tracks_of_their_own() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.frame("a", 0), Some(TrackId(1)));
    assert_eq!(fixture.image("a", 0), Some(TrackId(1)));
    assert_eq!(fixture.frame("a", 33), Some(TrackId(1)));
    let read = fixture.read();
    assert_eq!([read["active_tracks pets"], read["tracks_created_total pets"]], [2.0, 2.0]);
    assert_eq!(read["tracks_confirmed_total pets"], 2.0);
}

#[test]
fn what_ends_is_recorded_with_its_reason_and_lifetime() {
    let mut fixture = Fixture::new();
    for millis in [0, 33, 66] {
        fixture.frame("a", millis);
        fixture.image("s", millis);
    }
    fixture.tracking.end_stream(&StreamId::new("a"));
    fixture.tracking.finish();
    let read = fixture.read();
    assert_eq!(read.get("active_tracks pets"), None, "none are left");
    assert_eq!(read["tracks_lost_total shutdown"], 2.0);
    assert_eq!(read["track_lifetime_seconds person"], 2.0);
    assert_eq!(fixture.frame("a", 100), Some(TrackId(1)), "the stream has begun anew");
}

#[test]
fn silent_streams_age_and_silent_sessions_end() {
    let mut fixture = Fixture::new();
    fixture.frame("a", 0);
    fixture.image("s", 0);
    let patience = |of: Duration| of.as_millis() as u64;
    fixture.tracking.sweep(fixture.at(patience(STREAM_PATIENCE) - 1));
    assert_eq!(fixture.read()["active_tracks pets"], 2.0);
    fixture.tracking.sweep(fixture.at(patience(STREAM_PATIENCE)));
    assert_eq!(fixture.read()["active_tracks pets"], 1.0, "the session's");
    fixture.tracking.sweep(fixture.at(patience(SESSION_PATIENCE)));
    assert_eq!(fixture.read().get("active_tracks pets"), None);
    assert!(fixture.tracking.sessions.is_empty());
    assert_eq!(
        fixture.frame("a", 90_000),
        None,
        "numbers are not given twice, and a new track is to be confirmed"
    );
    assert_eq!(fixture.frame("a", 90_033), Some(TrackId(2)));
    fixture.tracking.sweep(fixture.at(90_033 + patience(STREAM_MEMORY)));
    assert!(fixture.tracking.streams.is_empty());
}

#[test]
fn a_frame_that_comes_again_is_not_tracked_again() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.frame("a", 0), Some(TrackId(1)));
    assert_eq!(fixture.frame("a", 900), Some(TrackId(1)));
    assert_eq!(fixture.frame("a", 0), None);
    assert_eq!(fixture.frame("a", 1700), Some(TrackId(1)), "time went on from the newest");
}

#[test]
fn the_session_unused_for_longest_makes_room() {
    let mut fixture = Fixture::new();
    for number in 0..MAX_SESSIONS as u64 {
        fixture.image(&format!("s{number}"), number);
    }
    fixture.image("s0", 5000);
    fixture.image("new", 5001);
    assert_eq!(fixture.tracking.sessions.len(), MAX_SESSIONS);
    assert!(fixture.tracking.sessions.contains_key("s0") && !fixture.tracking.sessions.contains_key("s1"));
}
