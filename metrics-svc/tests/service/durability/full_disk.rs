//! A disk without room: nothing is taken, everybody is told, and it goes on by itself once there is room.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::Command};

use tokio::sync::watch;
use tonic::{Code, Status};
use vision_proto::metrics::v1::MetricKind;

use super::load::{Load, assert_counted_once};
use crate::{
    http::get,
    messages::{event, metric, request},
    process::Process,
    support::{Stream, eventually, in_time},
};

/// A small file system of its own.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`, and why, where one cannot be made.
    #[expect(clippy::print_stderr, reason = "tells that a test is skipped")]
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            refused => {
                eprintln!("skipped: a file system cannot be mounted: {refused:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler =
            OpenOptions::new().create(true).append(true).open(self.path().join("filler")).unwrap();
        while filler.write_all(&[0; 512]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Sends batches until one is refused.
async fn refusal(process: &Process) -> Status {
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    let counter = metric("c_total", MetricKind::Counter, &[]);
    loop {
        stream.send(request(vec![counter.clone()], vec![event("c_total", &[], 1.0)])).await.unwrap();
        if let Err(status) = in_time(stream.response()).await {
            return status;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_until_there_is_room_and_loses_nothing() {
    let Some(disk) = Disk::mount() else { return };
    let settings = [("storage.dir", disk.path().to_str().unwrap()), ("storage.checkpoint_bytes", "65536")];
    let process = Process::start(&settings).await;
    let (whereabouts, service) = watch::channel(Some(process.grpc));
    let mut load = Load::start("one", service);
    for _ in 0..2 {
        load.acknowledged(30).await;
        disk.fill();
        let status = refusal(&process).await;
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().contains("metrics cannot be stored at present"), "{status:?}");
        let ready = get(process.http, "/ready").await;
        assert_eq!((ready.status, ready.body.contains("\"storage\"")), (503, true), "{}", ready.body);
        let page = get(process.http, "/metrics").await;
        assert!(page.status == 200 && page.value("metrics_svc_journal_failures_total") >= Some(1.0));
        disk.free();
        load.acknowledged(30).await;
        eventually(200, async || get(process.http, "/ready").await.status).await;
    }
    disk.fill();
    refusal(&process).await;
    let before = get(process.http, "/metrics").await;
    // Without room it ends all the same.
    process.terminate().await;
    whereabouts.send_replace(None);
    disk.free();
    let process = Process::start(&settings).await;
    let counted = |page: &crate::http::Page| page.value("ns_c_total");
    assert_eq!(counted(&get(process.http, "/metrics").await), counted(&before));
    whereabouts.send_replace(Some(process.grpc));
    let batches = [("one", load.stop().await)];
    assert_counted_once(&get(process.http, "/metrics").await, &batches);
    process.terminate().await;
}
