//! Who gets the next turn, and what becomes of the rest.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use vision_metrics_client::Recorder;

use super::*;
use crate::{
    frame::{Encoding, Payload},
    ledger::Ledger,
    model::{ClassSet, Thresholds},
    pipeline::job::{FrameOrigin, Request},
};

struct Fixture {
    intake: Arc<Intake>,
    ledger: Ledger,
}

impl Fixture {
    fn new(frames_per_stream: usize) -> Self {
        let limits = IntakeLimits { requests: 2, frames_per_stream };
        let ledger = Ledger::new(&Recorder::disabled(), "m", 0);
        Self { intake: Arc::new(Intake::new(limits)), ledger }
    }

    fn job(&self, stream: &StreamId, origin: Origin) -> Job {
        let payload = Payload { bytes: Bytes::new(), base64: false, encoding: Encoding::AnyFile };
        Job { payload, origin, ticket: self.ledger.receive(stream, None), received: Instant::now() }
    }

    fn offer(&self, stream: &str, number: u64) {
        let (stream, id) = (StreamId::new(stream), FrameId { milliseconds: number, sequence: 0 });
        let origin = FrameOrigin {
            stream: stream.clone(),
            id,
            captured: Duration::ZERO,
            robot_pose: None,
            lease: None,
        };
        self.intake.offer(&stream, id, self.job(&stream, Origin::Stream(origin)));
    }

    fn submit(&self) -> oneshot::Receiver<Result<crate::pipeline::Detected, DetectError>> {
        let (reply, answer) = oneshot::channel();
        let thresholds = Thresholds { confidence: 0.5, iou: 0.5, max_detections: 1 };
        let request = Request { thresholds, classes: ClassSet::all(), deadline: None, reply };
        let stream = StreamId::new(StreamId::DETECT);
        self.intake.submit(self.job(&stream, Origin::Request(request)));
        answer
    }

    /// Takes the next image if there is one now.
    fn take(&self) -> Option<(String, Job, Place, Decoding)> {
        let most = self.intake.limits.frames_per_stream;
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
