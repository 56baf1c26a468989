//! Frames from files are detected like those of a camera.

use anyhow::{Result, ensure};
use tokio_util::sync::CancellationToken;
use vision_tests::{
    eventually::eventually,
    frames,
    page::MetricsPage,
    redis_server::RedisServer,
    service::{Service, detector_settings},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_images_is_played_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bad.jpg"), "no image")?;
    let good = frames::folder().join("0002.jpg");
    let list = folder.path().join("list.txt");
    std::fs::write(&list, format!("{good}\nbad.jpg\n{good}\n", good = good.display()))?;
    let redis_server = RedisServer::start().await?;
    for redis in ["", &redis_server.url()] {
        let mut settings = detector_settings(redis, "");
        settings.files.path = list.clone();
        settings.files.fps = 2.0;
        let detector = Service::detector(settings).await?;
        let page = eventually("a verdict on each", async || {
            let page = MetricsPage::read(detector.http).await?;
            let ledger = page.ledger();
            ensure!(ledger.received == 3.0 && ledger.in_flight == 0.0 && ledger.balances(), "{ledger:?}");
            Ok(page)
        })
        .await?;
        assert_eq!((page.ledger().success, page.ledger().failure), (2.0, 1.0));
        assert_eq!(page.sum("frames_received_total", &[("stream", "files")]), 3.0);
        detector.stop().await?;
    }
    let published = frames::published(&mut redis_server.connect().await?).await?;
    assert_eq!(published.len(), 2);
    assert!(published.iter().all(|entry| entry.field("source_stream") == "files"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_are_not_there_stop_the_start() -> Result<()> {
    let mut settings = detector_settings("", "");
    settings.files.path = "/nowhere/list.txt".into();
    let app = detector_svc::App::bind(settings).await?;
    let ended = app.run(CancellationToken::new()).await;
    let error = ended.expect_err("there are no files").to_string();
    ensure!(error.contains("files: /nowhere/list.txt cannot be read"), "{error}");
    Ok(())
}
