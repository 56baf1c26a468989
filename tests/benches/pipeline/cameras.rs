//! Cameras that publish the sample frames at a steady rate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use redis::aio::MultiplexedConnection;
use tokio::{task::JoinSet, time::interval};
use vision_tests::{
    frames::{self, Entry},
    redis_server::RedisServer,
};

/// Running cameras; they stop when this is dropped.
pub(crate) struct Cameras(JoinSet<Result<()>>);

impl Cameras {
    /// One camera for each stream, each with its frames a second.
    pub(crate) async fn start(redis_server: &RedisServer, cameras: &[(String, f64)]) -> Result<Self> {
        let jpegs: Result<Vec<_>> = (0..10).map(|number| frames::read(&format!("{number:04}.jpg"))).collect();
        let frames: Vec<Entry> = jpegs?.iter().map(|jpeg| frames::jpeg(jpeg)).collect();
        let mut running = JoinSet::new();
        for (number, (stream, rate)) in cameras.iter().enumerate() {
            let redis = redis_server.connect().await?;
            // Cameras do not take their pictures all at once.
            let delay = Duration::from_secs_f64(number as f64 / cameras.len() as f64 / rate);
            running.spawn(camera(redis, stream.clone(), frames.clone(), *rate, delay));
        }
        Ok(Self(running))
    }

    /// Stops all; an error of one is the measurement's.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(ended) = self.0.try_join_next() {
            ended??;
        }
        self.0.shutdown().await;
        Ok(())
    }
}

async fn camera(
    mut redis: MultiplexedConnection,
    stream: String,
    frames: Vec<Entry>,
    rate: f64,
    delay: Duration,
) -> Result<()> {
    tokio::time::sleep(delay).await;
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    for frame in frames.iter().cycle() {
        ticks.tick().await;
        frames::publish(&mut redis, &stream, &now(frame)).await?;
    }
    Ok(())
}

/// The frame, taken now.
pub(crate) fn now(frame: &Entry) -> Entry {
    let timestamp = unix_seconds().to_string().into_bytes();
    let mut frame = frame.clone();
    frame.retain(|(field, _)| field != "timestamp");
    frame.push(("timestamp".to_owned(), timestamp));
    frame
}

/// Seconds since the Unix epoch.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}
