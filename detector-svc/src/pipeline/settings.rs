//! Settings of the pipeline.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use vision_service::settings::InvalidSetting;

use super::intake::{Backpressure, IntakeLimits};
use crate::{image::Limits, segment::SegmenterSettings, track::TrackSettings};

/// From when on the age of a frame counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgeSince {
    /// When it was received: no camera's clock is trusted.
    #[default]
    Receipt,
    /// When the camera took it, by the camera's clock.
    Capture,
}

vision_service::settings! {
    /// Queues and batches.
    pub struct BatchSettings checked by check_batch {
        /// Most images in one run of the model, 1 to 64.
        pub max_size: usize = 8,
        /// Most frames of one stream between its queue and a batch: more is faster on a GPU, fewer is fresher.
        pub max_per_stream: usize = 1,
        /// Images of gRPC callers that may wait; past it they get `RESOURCE_EXHAUSTED`.
        pub queue_capacity: usize = 64,
        /// Frames of one stream that may wait, 1 to 1024.
        pub frames_per_stream: usize = 1,
        /// Frames that are read ahead of a stream whose every frame is looked at, 1 to 1024.
        pub frames_ahead: usize = 16,
        /// What gives way when frames arrive faster than they are looked at: `drop_oldest`, the stream's oldest
        /// waiting frame, where streams whose every frame is looked at wait; `priority`, frames by the `priority` of
        /// their metadata: all while the stream's queue is less than 80 % full, those of 2 or more to 90 %, then
        /// those of 5 or more. It takes a `frames_per_stream` of 10 or more for that to tell.
        pub backpressure: Backpressure = Backpressure::DropOldest,
        /// A frame that cannot be looked at before it is older than this is dropped as `expired`; 0: never.
        #[serde(with = "humantime_serde")]
        pub max_age: Duration = Duration::ZERO,
        /// From when on that age counts: `receipt`, or `capture` where the cameras' clocks can be trusted.
        pub max_age_since: AgeSince = AgeSince::Receipt,
    }
}

/// Longest age of a frame that can be asked for.
const MAX_AGE: Duration = Duration::from_secs(86_400);

/// When frames expire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry {
    max_age: Option<Duration>,
    since: AgeSince,
}

vision_service::settings! {
    /// Decoding of images.
    pub struct ImageSettings checked by check_image {
        /// Threads that decode and resize.
        pub threads: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1),
        /// Most pixels along a side of an image, 1 to 10000.
        pub max_side: u32 = 10_000,
        /// Most pixels of an image in all, 1 to 100000000: a small file may unfold to a large image, and each thread
        /// that decodes takes up to 12 bytes a pixel.
        pub max_pixels: u32 = 50_000_000,
    }
}

/// Settings of the pipeline's parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineSettings {
    /// Queues and batches.
    pub batch: BatchSettings,
    /// Decoding.
    pub image: ImageSettings,
    /// Tracking.
    pub track: TrackSettings,
    /// Whether the images of frames are wanted with what was found in them.
    pub keep_images: bool,
    /// Whether masks are made for the frames of streams.
    pub masks: bool,
    /// Most objects of a frame that masks are made for by the model.
    pub max_masks: usize,
    /// The segmenter.
    pub segmenter: SegmenterSettings,
}

impl BatchSettings {
    /// When frames expire.
    pub(crate) fn expiry(&self) -> Expiry {
        Expiry { max_age: (!self.max_age.is_zero()).then_some(self.max_age), since: self.max_age_since }
    }

    /// How much may wait to be decoded.
    pub(super) fn intake(&self) -> IntakeLimits {
        IntakeLimits {
            requests: self.queue_capacity,
            taken_per_stream: self.max_per_stream,
            frames_per_stream: self.frames_per_stream,
            frames_ahead: self.frames_ahead,
            backpressure: self.backpressure,
        }
    }
}

impl Expiry {
    /// When a frame expires that was received at `received`, `age` after its capture.
    pub(super) fn expires(&self, received: Instant, age: Duration) -> Option<Instant> {
        let age = match self.since {
            AgeSince::Receipt => Duration::ZERO,
            AgeSince::Capture => age,
        };
        Some(received + self.max_age?.saturating_sub(age))
    }
}

impl ImageSettings {
    /// What sizes of image are accepted.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { max_side: self.max_side, max_pixels: self.max_pixels }
    }
}

fn check_batch(settings: &BatchSettings) -> Result<(), InvalidSetting> {
    within("max_size", settings.max_size, 1, 64)?;
    within("max_per_stream", settings.max_per_stream, 1, 64)?;
    within("queue_capacity", settings.queue_capacity, 1, 65_536)?;
    within("frames_per_stream", settings.frames_per_stream, 1, 1024)?;
    within("frames_ahead", settings.frames_ahead, 1, 1024)?;
    if settings.max_age > MAX_AGE {
        return Err(InvalidSetting::new(
            "max_age",
            format!("is {:?}, at most 1 day is allowed", settings.max_age),
        ));
    }
    Ok(())
}

fn check_image(settings: &ImageSettings) -> Result<(), InvalidSetting> {
    within("threads", settings.threads.get(), 1, 256)?;
    within("max_side", settings.max_side as usize, 1, 10_000)?;
    within("max_pixels", settings.max_pixels as usize, 1, 100_000_000)
}

fn within(key: &str, value: usize, min: usize, max: usize) -> Result<(), InvalidSetting> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(key, format!("is {value}, {min} to {max} are allowed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_pixels_has_bounds() {
        let of = |max_pixels| check_image(&ImageSettings { max_pixels, ..ImageSettings::default() });
        assert!(of(1).is_ok() && of(100_000_000).is_ok());
        for max_pixels in [0, 100_000_001] {
            let message = of(max_pixels).map_err(|error| error.to_string()).expect_err("out of bounds");
            assert!(message.contains(&max_pixels.to_string()) && message.contains("100000000"), "{message}");
        }
    }
}
