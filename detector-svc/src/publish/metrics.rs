//! What is recorded of publishing.

use std::{collections::HashMap, time::Duration};

use vision_metrics::catalogue::{FRAME_AGE, PIPELINE_STAGE_DURATION, QUEUE_WAIT_DURATION};
use vision_metrics_client::{Histogram, Recorder};

use crate::{
    frame::StreamId,
    redis_client::{MAX_STREAMS, RedisMetrics},
};

/// Handles, looked up once.
#[derive(Debug)]
pub(super) struct PublishMetrics {
    pub(super) objects: RedisMetrics,
    pub(super) labels: RedisMetrics,
    stage: Histogram,
    wait: Histogram,
    ages: HashMap<StreamId, Histogram>,
    recorder: Recorder,
}

impl PublishMetrics {
    pub(super) fn new(recorder: &Recorder) -> Self {
        Self {
            objects: RedisMetrics::new(recorder, "publish"),
            labels: RedisMetrics::new(recorder, "publish_labels"),
            stage: recorder.histogram(&PIPELINE_STAGE_DURATION, &["publish"]),
            wait: recorder.histogram(&QUEUE_WAIT_DURATION, &["publish"]),
            ages: HashMap::new(),
            recorder: recorder.clone(),
        }
    }

    /// Records one frame that was published at the given age.
    pub(super) fn delivered(&mut self, stream: &StreamId, age: Duration, waited: Duration, took: Duration) {
        if self.ages.len() >= MAX_STREAMS {
            // Streams that have come and gone must not be kept for ever.
            self.ages.clear();
        }
        let new = || self.recorder.histogram(&FRAME_AGE, &[stream.as_str()]);
        self.ages.entry(stream.clone()).or_insert_with(new).observe_duration(age);
        self.wait.observe_duration(waited);
        self.stage.observe_duration(took);
    }
}
