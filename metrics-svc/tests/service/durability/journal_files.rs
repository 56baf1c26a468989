//! What was never acknowledged may be cut off a journal; what was is not given up without being told to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vision_proto::metrics::v1::MetricKind;

use crate::{
    http::get,
    messages::{event, metric, request},
    process::{Process, refused},
    support::Stream,
};

/// Counts to `batches`, each in a batch of its own, and kills the service.
async fn counted(folder: &Path, batches: usize) -> Vec<(&str, &str)> {
    let settings = vec![("storage.dir", folder.to_str().unwrap())];
    let process = Process::start(&settings).await;
    let mut stream = Stream::connect(process.grpc).await.unwrap();
    for _ in 0..batches {
        let counter = metric("c_total", MetricKind::Counter, &[]);
        stream.exchange(request(vec![counter], vec![event("c_total", &[], 1.0)])).await;
    }
    process.kill().await;
    settings
}

/// The journal's last segment.
fn segment(folder: &Path) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max().unwrap()
}

/// Every file with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// How much is counted, and which cut the log tells: segment, offset, bytes.
async fn restart(settings: &[(&str, &str)]) -> (Option<f64>, Option<(String, u64, u64)>) {
    let process = Process::start(settings).await;
    let cut = process.said("cut off the torn end of a journal segment: it was never acknowledged");
    let cut = cut.map(|cut| {
        let number = |key: &str| cut[key].as_u64().unwrap();
        (cut["segment"].as_str().unwrap().to_owned(), number("offset"), number("bytes"))
    });
    let value = get(process.http, "/metrics").await.value("ns_c_total");
    process.kill().await;
    (value, cut)
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_the_log_tells() {
    let folder = tempfile::tempdir().unwrap();
    let settings = counted(folder.path(), 3).await;
    let path = segment(folder.path());
    let whole = fs::read(&path).unwrap();
    let length = whole.len() as u64;
    for torn in [vec![0xff], vec![0; 9000], whole[whole.len() / 2..].to_vec(), b"garbage".repeat(50)] {
        fs::write(&path, [&*whole, &*torn].concat()).unwrap();
        let (value, cut) = restart(&settings).await;
        let number = format!("{:016x}", 1);
        assert_eq!((value, cut), (Some(3.0), Some((number, length, torn.len() as u64))));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    assert_eq!(restart(&settings).await, (Some(3.0), None));
}

#[tokio::test]
async fn a_journal_that_ends_anywhere_has_what_was_whole_before() {
    let folder = tempfile::tempdir().unwrap();
    let settings = counted(folder.path(), 4).await;
    let path = segment(folder.path());
    let whole = fs::read(&path).unwrap();
    // From the last byte to before the first batch.
    let mut last = 4.0;
    for missing in [1, 40, 100, 150, 200, 250, 300] {
        let length = whole.len() - missing;
        fs::write(&path, &whole[..length]).unwrap();
        let (value, cut) = restart(&settings).await;
        let value = value.unwrap_or_default();
        assert!(value <= last && value >= last - 1.0 && value < 4.0, "{value} after {last}");
        if let Some((_, offset, bytes)) = cut {
            assert_eq!(offset + bytes, length as u64);
        }
        last = value;
    }
}

#[tokio::test]
async fn damage_before_the_end_stops_the_start_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = counted(folder.path(), 5).await;
    let path = segment(folder.path());
    let whole = fs::read(&path).unwrap();
    for position in [9, 30, 100, whole.len() / 2] {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let before = content(folder.path());
        let (code, said) = refused(&settings).await;
        assert_eq!(code, Some(1), "byte {position}: {said}");
        let named = said.contains(path.to_str().unwrap());
        assert!(named && (said.contains("damaged at byte") || said.contains("version")), "{said}");
        assert_eq!(content(folder.path()), before);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(restart(&settings).await, (Some(5.0), None));
}
