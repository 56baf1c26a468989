//! A directory that cannot be used stops the start, and the message says why.

use crate::process::{Process, refused};

#[tokio::test]
async fn a_directory_that_another_process_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    let process = Process::start(&settings).await;
    let (code, said) = refused(&settings).await;
    assert_eq!(code, Some(1), "{said}");
    let lock = folder.path().join("lock");
    let reason = format!("lock {}: another process uses the directory", lock.display());
    assert!(said.contains(&reason), "{said}");
    process.terminate().await;
    // It is free again.
    Process::start(&settings).await.terminate().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for dir in [file.clone(), file.join("below"), "/proc/vision".into()] {
        let (code, said) = refused(&[("storage.dir", dir.to_str().unwrap())]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(dir.to_str().unwrap()), "{said}");
        assert!(said.contains("failed to keep metrics in"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");
}
