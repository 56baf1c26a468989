//! From frames and callers' images to detections: decode, batch, infer, postprocess, each on threads of its own.
//!
//! ```text
//! offer ─[few of each stream]─┐
//!                             ├→ prepare ─→ batcher ─[2 tensors]→ infer ─→ finish, track ─┬→ results
//! detect ─[bounded queue]─────┘                                                           ├→ callers
//!                                     where masks are wanted and the model makes none: segment
//! ```

mod batcher;
mod bottleneck;
mod deliver;
mod finish;
#[cfg(test)]
pub(crate) mod fixture;
mod handle;
mod in_order;
mod infer;
mod intake;
mod job;
mod metrics;
mod pace;
mod prepare;
mod segment;
mod served;
mod settings;
mod threads;
mod tracking;

use std::{sync::Arc, time::Instant};

pub(crate) use self::{bottleneck::BottleneckGauges, handle::Depths, served::Served};
pub use self::{
    handle::PipelineHandle,
    intake::Backpressure,
    job::{DetectError, Detected, FrameOrigin, Search, Timings},
    settings::{AgeSince, BatchSettings, ImageSettings, PipelineSettings},
    threads::Pipeline,
};
use crate::{
    image::Image,
    inference::{LoadedModel, Segmenter},
    ledger::Ticket,
    model::Thresholds,
};

/// The models of a pipeline.
pub struct Models {
    /// Finds objects.
    pub detector: LoadedModel,
    /// Makes masks for them where the detector makes none.
    pub segmenter: Option<Box<dyn Segmenter>>,
}

/// A frame of a stream with what was found in it; its verdict is up to the publisher.
#[derive(Debug)]
pub struct FrameResult {
    /// Which frame.
    pub frame: FrameOrigin,
    /// What was found.
    pub detected: Detected,
    /// Its image, when it is to be shown.
    pub image: Option<Image>,
    /// Its line in the ledger.
    pub ticket: Ticket,
    /// When it was received.
    pub received: Instant,
}

/// An image of a caller who waits for the answer.
#[derive(Clone, Debug)]
pub struct DetectRequest {
    /// JPEG, PNG or WebP file.
    pub image: bytes::Bytes,
    /// What counts as a detection.
    pub thresholds: Thresholds,
    /// What it is searched for.
    pub search: Search,
    /// Whether masks are wanted.
    pub masks: bool,
    /// Name under which objects are tracked from one image of the caller's to the next, which are looked at in their
    /// order; `None`: no tracking.
    pub session: Option<Arc<str>>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}
