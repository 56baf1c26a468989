//! Settings of the segmenter.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vision_service::settings::InvalidSetting;

/// Most boxes of one image: each takes some ten megabytes while SAM 2 works on it.
const MAX_BOXES: usize = 256;
/// Most threads of one run.
const MAX_THREADS: usize = 1024;
/// Most images that may wait: each is kept as pixels.
const MAX_QUEUE_CAPACITY: usize = 64;

/// Which segmenter makes masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmenterFamily {
    /// SAM 2 in a folder, FastSAM in a file.
    #[default]
    Auto,
    /// SAM 2 or 2.1: an encoder of images and a decoder of prompts.
    Sam2,
    /// FastSAM, or another detector of objects of any class that makes masks.
    FastSam,
}

vision_service::settings! {
    /// A second model that makes masks for what the model found, where that makes none itself.
    pub struct SegmenterSettings checked by check {
        /// Folder with the two files of SAM 2, `vision_encoder.onnx` and `prompt_encoder_mask_decoder.onnx`, or ONNX
        /// file of FastSAM. Empty: none.
        pub path: PathBuf = PathBuf::new(),
        /// Which it is: `auto` tells by folder and file, or `sam2`, `fastsam`.
        pub family: SegmenterFamily = SegmenterFamily::Auto,
        /// Most objects of one image that masks are made for, the most confident ones, 1 to 256.
        pub max_boxes: usize = 16,
        /// Threads that one run of it may use on the processor; 0: one for each core.
        pub threads: usize = 0,
        /// Images whose masks are wanted that may wait, 1 to 64; past it the model waits.
        pub queue_capacity: usize = 2,
    }
}

fn check(settings: &SegmenterSettings) -> Result<(), InvalidSetting> {
    within("max_boxes", settings.max_boxes, MAX_BOXES)?;
    if settings.threads > MAX_THREADS {
        let reason = format!("is {}, at most {MAX_THREADS} are allowed", settings.threads);
        return Err(InvalidSetting::new("threads", reason));
    }
    within("queue_capacity", settings.queue_capacity, MAX_QUEUE_CAPACITY)
}

fn within(key: &str, value: usize, max: usize) -> Result<(), InvalidSetting> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(key, format!("is {value}, 1 to {max} are allowed")))
}
