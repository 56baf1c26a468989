//! Settings of the pipeline.

use std::{num::NonZeroUsize, time::Duration};

use vision_service::settings::InvalidSetting;

use crate::image::Limits;

vision_service::settings! {
    /// Queues and batches.
    pub struct BatchSettings checked by check_batch {
        /// Most images in one run of the model, 1 to 64.
        pub max_size: usize = 8,
        /// Most frames of one stream between its queue and a batch: more is faster on a GPU, fewer is fresher.
        pub max_per_stream: usize = 1,
        /// Images of gRPC callers that may wait; past it they get `RESOURCE_EXHAUSTED`.
        pub queue_capacity: usize = 64,
        /// A frame older than this since its receipt is dropped as `expired` before inference; 0: never.
        #[serde(with = "humantime_serde")]
        pub max_age: Duration = Duration::ZERO,
    }
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
}

impl BatchSettings {
    /// The age at which a frame expires, if it does.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        (!self.max_age.is_zero()).then_some(self.max_age)
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
    within("queue_capacity", settings.queue_capacity, 1, 65_536)
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
