//! The process is killed again and again while producers send, and nothing is lost or counted twice.

use std::{net::SocketAddr, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use vision_proto::metrics::v1::MetricKind;

use super::load::{Load, Whereabouts, assert_counted_once};
use crate::{
    http::{Page, get},
    messages::{event, metric, request},
    numbers::Numbers,
    process::{Process, command},
    support::{Stream, in_time},
};

/// How often it is killed. `KILLS=100 cargo test -p metrics-svc --test service kills` does so more often.
fn kills() -> usize {
    std::env::var("KILLS").map_or(15, |kills| kills.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_has_each_acknowledged_event_once() {
    let folder = tempfile::tempdir().unwrap();
    // So small that most lives write some checkpoints.
    let settings = [("storage.dir", folder.path().to_str().unwrap()), ("storage.checkpoint_bytes", "65536")];
    let (whereabouts, service) = watch::channel(None);
    let mut loads = ["one", "two"].map(|id| Load::start(id, service.clone()));
    let (stop, mut numbers) = (CancellationToken::new(), Numbers::default());
    let anonymous = tokio::spawn(send_without_a_name(service, stop.clone()));
    for kill in 0..kills() {
        if numbers.below(4) == 0 {
            kill_while_it_starts(&settings, &mut numbers).await;
        }
        let process = Process::start(&settings).await;
        whereabouts.send_replace(Some(process.grpc));
        loads[kill % 2].acknowledged(numbers.below(150)).await;
        process.kill().await;
        whereabouts.send_replace(None);
    }
    let process = Process::start(&settings).await;
    whereabouts.send_replace(Some(process.grpc));
    stop.cancel();
    let lives = in_time(anonymous).await.unwrap();
    let [one, two] = loads;
    let batches = [("one", one.stop().await), ("two", two.stop().await)];
    let page = get(process.http, "/metrics").await;
    assert_counted_once(&page, &batches);
    assert_kept(&page, &lives);
    process.terminate().await;
}

/// Ends a process that may be about to read its files, to delete some, or to begin one.
async fn kill_while_it_starts(settings: &[(&str, &str)], numbers: &mut Numbers) {
    let mut child = command(settings).spawn().unwrap();
    tokio::time::sleep(Duration::from_micros(numbers.below(40_000))).await;
    child.kill().await.unwrap();
}

/// Batches of a stream without a name.
struct Life {
    label: String,
    acknowledged: f64,
}

/// Sends one batch at a time, and counts under another label after each break.
async fn send_without_a_name(mut service: Whereabouts, stop: CancellationToken) -> Vec<Life> {
    let mut lives = Vec::new();
    loop {
        let address = service.wait_for(Option::is_some).await.unwrap().unwrap();
        let mut life = Life { label: lives.len().to_string(), acknowledged: 0.0 };
        let ended = count(&mut life, address, &stop).await;
        lives.push(life);
        if ended.is_ok() {
            return lives;
        }
        // What is at this address may be gone before anybody says so.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn count(life: &mut Life, service: SocketAddr, stop: &CancellationToken) -> Result<(), Status> {
    let mut stream = Stream::connect(service).await?;
    let counter = metric("anonymous_total", MetricKind::Counter, &["life"]);
    while !stop.is_cancelled() {
        let counted = event("anonymous_total", &[("life", &life.label)], 1.0);
        stream.send(request(vec![counter.clone()], vec![counted])).await?;
        let response = stream.response().await?;
        assert!(response.rejections.is_empty(), "{response:?}");
        life.acknowledged += 1.0;
    }
    Ok(())
}

/// Of each life what was acknowledged is there, and at most one batch more.
fn assert_kept(page: &Page, lives: &[Life]) {
    for Life { label, acknowledged } in lives {
        let kept = page.value(&format!("ns_anonymous_total{{life=\"{label}\"}}")).unwrap_or_default();
        assert!((0.0..=1.0).contains(&(kept - acknowledged)), "{kept} of {acknowledged} in life {label}");
    }
}
