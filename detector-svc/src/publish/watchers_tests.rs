//! What watchers see, and what is lost to slow ones.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{
    detection::{BoundingBox, Detection},
    frame::FrameId,
    mask::{Mask, Region},
    pipeline::fixture,
};

fn frame(stream: &str, number: u64) -> FrameOrigin {
    FrameOrigin {
        stream: StreamId::new(stream),
        id: FrameId { milliseconds: number, sequence: 0 },
        captured: Duration::ZERO,
        robot_pose: None,
        metadata: Bytes::new(),
        lease: None,
    }
}

fn tell(watchers: &Watchers, stream: &str, number: u64) {
    let _ = watchers.tell(frame(stream, number), fixture::detected(&[]));
}

fn seen(watching: &Watching) -> Vec<(u64, u64)> {
    std::iter::from_fn(|| watching.take())
        .map(|(result, missed)| (result.frame.id.milliseconds, missed))
        .collect()
}

#[test]
fn a_slow_watcher_loses_the_oldest_of_its_own_streams_and_no_other() {
    let watchers = Watchers::default();
    let slow = watchers.subscribe(|stream| stream.as_str() == "a");
    let all = watchers.subscribe(|_| true);
    let most = WATCH_CAPACITY as u64;
    for number in 0..most + 3 {
        tell(&watchers, "a", number);
        tell(&watchers, "b", number);
        if number % 16 == 0 {
            seen(&all);
        }
    }
    let expected: Vec<_> = (3..most + 3).map(|number| (number, if number == 3 { 3 } else { 0 })).collect();
    assert_eq!(seen(&slow), expected);
    assert!(seen(&all).iter().all(|(_, missed)| *missed == 0));
}

#[test]
fn masks_of_results_that_wait_are_bounded_but_for_the_newests() {
    let watchers = Watchers::default();
    let watching = watchers.subscribe(|_| true);
    let half: Arc<[bool]> = vec![false; WATCH_PIXELS / 2].into();
    let tell_masks = |number: u64, masks: usize| {
        let mask = Mask { width: 1, height: 1, region: Region::default(), pixels: Arc::clone(&half) };
        let detection = Detection {
            class_id: 0,
            confidence: 0.5,
            bounding_box: BoundingBox::default(),
            track_id: None,
            mask: Some(mask),
        };
        let detected = Detected { detections: vec![detection; masks], ..fixture::detected(&["cat"]) };
        let _ = watchers.tell(frame("a", number), detected);
    };
    (0..5).for_each(|number| tell_masks(number, 1));
    assert_eq!(seen(&watching), [(3, 3), (4, 0)]);
    tell_masks(5, 1);
    tell_masks(6, 4);
    assert_eq!(seen(&watching), [(6, 1)]);
}

#[tokio::test]
async fn news_wake_who_waits_and_those_gone_are_forgotten() {
    let watchers = Watchers::default();
    let watching = watchers.subscribe(|_| true);
    drop(watchers.subscribe(|_| true));
    let waiting = tokio::spawn(async move { watching.next().await.0.frame.id.milliseconds });
    tokio::task::yield_now().await;
    tell(&watchers, "a", 7);
    assert_eq!(watchers.0.lock().len(), 1);
    assert_eq!(waiting.await.expect("no panic"), 7);
}
