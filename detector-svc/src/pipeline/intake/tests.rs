//! Who gets the next turn, and what becomes of the rest.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};
use vision_metrics_client::Recorder;

use super::*;
use crate::{
    frame::{Encoding, Payload},
    ledger::{Ledger, Receipt, Settled},
    model::Thresholds,
    pipeline::{
        fixture,
        job::{FrameOrigin, Origin, Request},
    },
};

const LIMITS: IntakeLimits = IntakeLimits {
    requests: 2,
    taken_per_stream: 1,
    frames_per_stream: 1,
    frames_ahead: 3,
    backpressure: Backpressure::DropOldest,
};

struct Fixture {
    intake: Arc<Intake>,
    ledger: Ledger,
}

impl Fixture {
    fn new(taken_per_stream: usize) -> Self {
        let limits = IntakeLimits { taken_per_stream, ..LIMITS };
        Self::with(limits)
    }

    fn with(limits: IntakeLimits) -> Self {
        let ledger = Ledger::new(&Recorder::disabled(), "m", 0);
        Self { intake: Arc::new(Intake::new(limits)), ledger }
    }

    fn job(&self, stream: &StreamId, origin: Origin) -> Job {
        let payload = Payload { bytes: Bytes::new(), base64: false, encoding: Encoding::AnyFile };
        let ticket = self.ledger.receive(stream, None);
        Job { payload, origin, ticket, received: Instant::now(), expires: None, priority: 0 }
    }

    fn frame(&self, stream: &str, number: u64) -> (StreamId, FrameId, Job) {
        let (stream, id) = (StreamId::new(stream), FrameId { milliseconds: number, sequence: 0 });
        let captured = Duration::ZERO;
        let origin = FrameOrigin {
            stream: stream.clone(),
            id,
            captured,
            robot_pose: None,
            metadata: Bytes::new(),
            lease: None,
        };
        let job = self.job(&stream, Origin::Stream(origin));
        (stream, id, job)
    }

    fn offer_of_priority(&self, stream: &str, number: u64, priority: i64) {
        let (stream, id, job) = self.frame(stream, number);
        self.intake.offer(&stream, id, Job { priority, ..job });
    }

    /// Offers a frame whose source waits for its verdict.
    fn offer_awaited(&self, stream: &str, number: u64, to: &UnboundedSender<Settled>) {
        let (stream, id, job) = self.frame(stream, number);
        let receipt = Receipt::new(stream.clone(), id, to.clone());
        let ticket = self.ledger.receive(&stream, Some(receipt));
        self.intake.offer(&stream, id, Job { ticket, ..job });
    }

    fn offer(&self, stream: &str, number: u64) {
        let (stream, id, job) = self.frame(stream, number);
        self.intake.offer(&stream, id, job);
    }

    fn submit(&self) -> oneshot::Receiver<Result<crate::pipeline::Detected, DetectError>> {
        self.submit_to(None)
    }

    fn submit_to(
        &self,
        session: Option<&str>,
    ) -> oneshot::Receiver<Result<crate::pipeline::Detected, DetectError>> {
        let (reply, answer) = oneshot::channel();
        let thresholds = Thresholds { confidence: 0.5, iou: 0.5, text: 0.5, max_detections: 1 };
        let session = session.map(Arc::from);
        let request = Request { thresholds, search: fixture::search(), masks: false, session, reply };
        let stream = StreamId::new(StreamId::DETECT);
        self.intake.submit(self.job(&stream, Origin::Request(request)));
        answer
    }

    /// Takes the next image if there is one now.
    fn take(&self) -> Option<(String, Job, Place, Decoding)> {
        let most = self.intake.limits.taken_per_stream;
        let ready = self.intake.state.lock().peek(most);
        ready.then(|| {
            let (job, place, decoding) = self.intake.take().unwrap();
            let name = match &job.origin {
                Origin::Stream(frame) => format!("{} {}", frame.stream, frame.id.milliseconds),
                Origin::Request(_) => "request".to_owned(),
            };
            (name, job, place, decoding)
        })
    }

    /// Takes the next image and lets it through to a batch at once.
    fn through(&self) -> Option<String> {
        self.take().map(|(name, ..)| name)
    }
}

#[test]
fn turns_go_round_whatever_arrives_faster() {
    let fixture = Fixture::new(1);
    let _answers = [fixture.submit(), fixture.submit()];
    for round in 1..=2 {
        fixture.offer("fast", 10 * round);
        fixture.offer("fast", 10 * round + 1);
        fixture.offer("slow", round);
        let taken: Vec<_> = (0..3).map(|_| fixture.through().unwrap()).collect();
        for name in [format!("fast {}", 10 * round + 1), format!("slow {round}"), "request".to_owned()] {
            assert!(taken.contains(&name), "{name} is not in {taken:?}");
        }
    }
    assert_eq!(fixture.ledger.in_flight(), 0);
}

#[test]
fn a_stream_waits_for_its_own_frame_and_no_other() {
    let fixture = Fixture::new(2);
    fixture.offer("a", 1);
    let (_, job, place, decoding) = fixture.take().unwrap();
    fixture.offer("a", 2);
    fixture.offer("b", 1);
    assert_eq!(fixture.through().as_deref(), Some("b 1"), "a is still decoding");
    drop(decoding);
    let second = fixture.take().unwrap();
    assert_eq!(second.0, "a 2");
    drop(second.3);
    fixture.offer("a", 3);
    assert!(fixture.through().is_none(), "two frames of a are on their way");
    drop(place);
    assert_eq!(fixture.through().as_deref(), Some("a 3"));
    drop((job, second.1, second.2));
    assert_eq!(fixture.ledger.in_flight(), 0);
}

#[test]
fn entries_read_twice_are_dropped_until_the_stream_begins_again() {
    let fixture = Fixture::new(1);
    fixture.offer("a", 5);
    assert!(fixture.through().is_some());
    fixture.offer("a", 5);
    fixture.offer("a", 4);
    assert!(fixture.through().is_none());
    fixture.intake.forget_last(&StreamId::new("a"));
    fixture.offer("a", 4);
    assert_eq!(fixture.through().as_deref(), Some("a 4"));
}

#[test]
fn callers_past_the_limit_are_refused() {
    let fixture = Fixture::new(1);
    let mut waiting = [fixture.submit(), fixture.submit()];
    let refused = fixture.submit().try_recv().unwrap();
    assert_eq!(refused, Err(DetectError::Overloaded { waiting: 2 }));
    assert!(waiting.iter_mut().all(|answer| answer.try_recv().is_err()));
}

#[test]
fn closing_gives_up_what_waits_and_ends_those_who_take() {
    let fixture = Fixture::new(1);
    fixture.offer("a", 1);
    let mut answer = fixture.submit();
    let (intake, blocked) = (Arc::clone(&fixture.intake), Fixture::new(1));
    let taker = std::thread::spawn({
        let intake = Arc::clone(&blocked.intake);
        move || intake.take().is_none()
    });
    intake.close();
    blocked.intake.close();
    assert!(taker.join().unwrap());
    assert!(intake.take().is_none());
    assert_eq!(answer.try_recv().unwrap(), Err(DetectError::ShuttingDown));
    let mut late = fixture.submit();
    assert_eq!(late.try_recv().unwrap(), Err(DetectError::ShuttingDown));
    fixture.offer("a", 2);
    assert_eq!(fixture.ledger.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn vacancy_is_told_when_a_frame_is_taken_and_awaited_no_longer_than_patience() {
    let fixture = Fixture::new(1);
    let patience = Duration::from_secs(3600);
    fixture.intake.vacancy(patience).await;
    fixture.offer("a", 1);
    let started = tokio::time::Instant::now();
    fixture.intake.vacancy(Duration::from_millis(20)).await;
    assert_eq!(started.elapsed(), Duration::from_millis(20));
    let waiting = fixture.intake.vacancy(patience);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::ZERO, waiting.as_mut()).await.is_err());
    assert!(fixture.through().is_some());
    assert!(tokio::time::timeout(Duration::ZERO, waiting.as_mut()).await.is_ok());
}

#[test]
fn a_stream_whose_every_frame_counts_loses_none_and_tells_its_room() {
    let fixture = Fixture::new(2);
    let (to, mut settled) = unbounded_channel();
    let a = StreamId::new("a");
    assert_eq!(fixture.intake.room(&a), 3);
    for number in [1, 2, 3] {
        fixture.offer_awaited("a", number, &to);
    }
    assert_eq!(fixture.intake.room(&a), 0);
    let (_, job, place, decoding) = fixture.take().unwrap();
    drop(decoding);
    assert_eq!(fixture.intake.room(&a), 1);
    // One that comes again is no duplicate, whatever came since.
    fixture.offer_awaited("a", 1, &to);
    let rest: Vec<_> = std::iter::from_fn(|| fixture.take().map(|(name, job, ..)| (name, job))).collect();
    assert_eq!(rest.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a 2", "a 3", "a 1"]);
    assert!(settled.try_recv().is_err(), "none has a verdict yet");
    drop((job, place, rest));
    assert_eq!(std::iter::from_fn(|| settled.try_recv().ok()).count(), 4);
}

#[test]
fn a_filling_queue_takes_in_what_matters_more() {
    let limits = IntakeLimits { frames_per_stream: 10, backpressure: Backpressure::Priority, ..LIMITS };
    let fixture = Fixture::with(limits);
    let waiting = || fixture.intake.waiting().0;
    (0..12).for_each(|number| fixture.offer_of_priority("a", number, 1));
    assert_eq!(waiting(), 8, "below 80 % all are taken");
    (20..25).for_each(|number| fixture.offer_of_priority("a", number, 2));
    assert_eq!(waiting(), 9, "to 90 % those of priority 2");
    (30..32).for_each(|number| fixture.offer_of_priority("a", number, 5));
    assert_eq!(waiting(), 10, "and past it, those of 5 take the places of lesser ones");
    fixture.offer_of_priority("b", 1, 0);
    assert_eq!(waiting(), 11, "another stream has a queue of its own");
    let taken: Vec<_> =
        std::iter::from_fn(|| fixture.through()).filter(|name| name.starts_with('a')).collect();
    let expected = ["a 1", "a 2", "a 3", "a 4", "a 5", "a 6", "a 7", "a 20", "a 30", "a 31"];
    assert_eq!(taken, expected);
}

#[test]
fn images_of_a_session_keep_their_order_and_its_lane_goes_with_them() {
    let fixture = Fixture::new(2);
    let _answers = [fixture.submit_to(Some("s")), fixture.submit_to(Some("s"))];
    assert_eq!(fixture.submit_to(Some("t")).try_recv().unwrap(), Err(DetectError::Overloaded { waiting: 2 }));
    let first = fixture.take().unwrap();
    assert!(fixture.take().is_none(), "the first is still decoding");
    drop(first);
    assert!(fixture.through().is_some());
    assert_eq!(fixture.intake.waiting(), (0, 0));
    assert!(fixture.intake.state.lock().lanes.iter().all(|lane| lane.key.is_none()));
}

#[test]
fn a_stream_that_ends_gives_its_lane_to_the_next() {
    let fixture = Fixture::new(1);
    fixture.offer("a", 5);
    let a = StreamId::new("a");
    fixture.intake.end_stream(&a);
    assert_eq!(fixture.through().as_deref(), Some("a 5"), "what waited is still looked at");
    fixture.offer("b", 1);
    assert_eq!(fixture.intake.state.lock().lanes.len(), 1);
    fixture.offer("a", 4);
    let both = [fixture.through(), fixture.through()];
    assert!(both.contains(&Some("a 4".to_owned())) && both.contains(&Some("b 1".to_owned())));
}
