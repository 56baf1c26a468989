//! Redis and both services, with what every test does to them.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use vision_tests::{
    eventually::eventually,
    frames::{self, Entry, Published},
    page::{LedgerPage, MetricsPage},
    redis_server::RedisServer,
    service::{Service, detector_settings, metrics_settings},
};

/// Everything running in this process, the detector telling its metrics to metrics-svc.
pub(crate) struct Fixture {
    pub(crate) redis_server: RedisServer,
    pub(crate) redis: MultiplexedConnection,
    pub(crate) metrics: Service,
    pub(crate) detector: Service,
}

impl Fixture {
    pub(crate) async fn start() -> Result<Self> {
        let redis_server = RedisServer::start().await?;
        let metrics = Service::metrics(metrics_settings()).await?;
        let detector = Service::detector(detector_settings(&redis_server.url(), &metrics.endpoint())).await?;
        let redis = redis_server.connect().await?;
        Ok(Self { redis_server, redis, metrics, detector })
    }

    /// Ends everything: an error of a service is the test's.
    pub(crate) async fn stop(self) -> Result<()> {
        self.detector.stop().await?;
        self.metrics.stop().await
    }

    /// Publishes a frame and waits for its detections.
    pub(crate) async fn detect(&mut self, entry: &Entry) -> Result<Published> {
        let id = frames::publish(&mut self.redis, frames::STREAM, entry).await?;
        detections_of(&mut self.redis, &id).await
    }

    /// Waits until metrics-svc has been told of `received` frames and none is in flight.
    pub(crate) async fn settled(&self, received: u64) -> Result<MetricsPage> {
        settled(self.metrics.http, received).await
    }
}

/// Waits for the detections of a frame.
pub(crate) async fn detections_of(redis: &mut impl ConnectionLike, id: &str) -> Result<Published> {
    eventually("publication of a frame's detections", async || {
        let published = frames::published(redis).await?;
        let found = published.into_iter().find(|published| published.field("frame_id") == id);
        found.ok_or_else(|| anyhow::anyhow!("no entry for {id}"))
    })
    .await
}

/// Waits until the page at `http` tells of `received` frames, all with a verdict, and checks the ledger.
pub(crate) async fn settled(http: std::net::SocketAddr, received: u64) -> Result<MetricsPage> {
    let page = eventually("a verdict on every frame", async || {
        let page = MetricsPage::read(http).await?;
        let ledger = page.ledger();
        let ended = ledger.success + ledger.failure + ledger.dropped;
        ensure!(
            ledger.received == received as f64 && ended == ledger.received && ledger.in_flight == 0.0,
            "{ledger:?}"
        );
        Ok(page)
    })
    .await?;
    let LedgerPage { received, .. } = page.ledger();
    ensure!(page.ledger().balances(), "{received} frames, and {:?}", page.ledger());
    Ok(page)
}

/// Adds an entry to a stream that its publisher does not trim; returns its identifier.
pub(crate) async fn append(redis: &mut MultiplexedConnection, stream: &str, entry: &Entry) -> Result<String> {
    Ok(redis::cmd("XADD").arg(stream).arg("*").arg(entry).query_async(redis).await?)
}

/// Waits until detections of every frame of a stream are published; tells how many were published more than once.
pub(crate) async fn all_published(
    redis: &mut MultiplexedConnection,
    stream: &str,
    ids: &[String],
) -> Result<usize> {
    eventually("publication of every frame", async || {
        let published = frames::published(redis).await?;
        let of_stream = published.iter().filter(|published| published.field("source_stream") == stream);
        let found: Vec<_> = of_stream.map(|published| published.field("frame_id")).collect();
        let missing = ids.iter().filter(|id| !found.contains(&id.as_str())).count();
        ensure!(missing == 0, "{missing} of {} are not", ids.len());
        let different: HashSet<_> = found.iter().collect();
        Ok(found.len() - different.len())
    })
    .await
}

/// Whether no frame's detections were published twice.
pub(crate) fn none_twice(published: &[Published]) -> Result<()> {
    let mut seen = HashSet::new();
    for entry in published {
        let frame = (entry.field("source_stream").to_owned(), entry.field("frame_id").to_owned());
        ensure!(seen.insert(frame.clone()), "{frame:?} was published twice");
    }
    Ok(())
}
