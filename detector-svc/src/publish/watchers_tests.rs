//! What watchers see, and what is lost to slow ones.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{frame::FrameId, pipeline::fixture};

fn tell(watchers: &Watchers, stream: &str, number: u64) {
    let frame = FrameOrigin {
        stream: StreamId::new(stream),
        id: FrameId { milliseconds: number, sequence: 0 },
        captured: Duration::ZERO,
        robot_pose: None,
        metadata: Bytes::new(),
        lease: None,
    };
    let _ = watchers.tell(frame, fixture::detected(&[]));
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
