//! Checkpoints stand for what was there, and what they stand for is deleted.

use std::{collections::BTreeMap, path::Path};

use tokio::sync::watch;

use super::load::{Load, assert_counted_once};
use crate::{
    http::{Page, get, get_as},
    process::Process,
    support::eventually,
};

const CHECKPOINTS: &str = "metrics_svc_checkpoint_duration_seconds_count";

/// Names of the files of a kind, with their lengths in bytes.
fn files(folder: &Path, ending: &str) -> BTreeMap<String, u64> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    // Any may be deleted at any time.
    let files = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.ends_with(ending).then_some((name, entry.metadata().ok()?.len()))
    });
    files.collect()
}

fn checkpoints(page: &Page) -> f64 {
    page.value(CHECKPOINTS).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_changes_no_line_of_the_page_and_old_segments_go() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap()), ("storage.checkpoint_bytes", "65536")];
    let process = Process::start(&settings).await;
    let (_whereabouts, service) = watch::channel(Some(process.grpc));
    let mut loads = ["one", "two"].map(|id| Load::start(id, service.clone()));
    while checkpoints(&get(process.http, "/metrics").await) < 6.0 {
        loads[0].acknowledged(20).await;
    }
    let [one, two] = loads;
    let batches = [("one", one.stop().await), ("two", two.stop().await)];
    // The last one may be in progress.
    eventually((1, 1, 0, true), async || {
        let [checkpoints, segments, unfinished] =
            [".ckpt", ".log", ".tmp"].map(|end| files(folder.path(), end));
        let bytes = segments.values().sum::<u64>();
        (checkpoints.len(), segments.len(), unfinished.len(), bytes < 2 * 65536)
    })
    .await;
    let before = get(process.http, "/metrics").await;
    let open_before = get_as(process.http, "/metrics", "application/openmetrics-text").await;
    assert_counted_once(&before, &batches);
    process.terminate().await;
    let process = Process::start(&settings).await;
    let after = get(process.http, "/metrics").await;
    assert_eq!(after.lines(), before.lines());
    let open_after = get_as(process.http, "/metrics", "application/openmetrics-text").await;
    assert_eq!(open_after.lines(), open_before.lines());
    process.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_while_producers_send_it_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    let (whereabouts, service) = watch::channel(None);
    let mut loads = ["one", "two"].map(|id| Load::start(id, service.clone()));
    for _ in 0..3 {
        let process = Process::start(&settings).await;
        whereabouts.send_replace(Some(process.grpc));
        loads[0].acknowledged(30).await;
        loads[1].acknowledged(30).await;
        process.terminate().await;
        whereabouts.send_replace(None);
        assert_eq!(files(folder.path(), ".ckpt").len(), 1, "the next start is quick");
    }
    let process = Process::start(&settings).await;
    whereabouts.send_replace(Some(process.grpc));
    let [one, two] = loads;
    let batches = [("one", one.stop().await), ("two", two.stop().await)];
    assert_counted_once(&get(process.http, "/metrics").await, &batches);
    process.terminate().await;
}
