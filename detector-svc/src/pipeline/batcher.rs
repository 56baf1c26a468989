//! Natural batching: a batch is whatever waits when the model is about to be free.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    DetectError,
    job::{Job, Origin},
    pace::Pace,
    prepare::Prepared,
};
use crate::{
    image::Image,
    ledger::{DropReason, Ticket},
    preprocess::{Letterbox, Normaliser},
    spare::Spare,
};

/// Images ready for one run of the model.
#[derive(Debug)]
pub(super) struct Batch {
    /// Slots of the input tensor, of which the first `items.len()` hold an image.
    pub(super) tensor: Vec<f32>,
    pub(super) items: Vec<Item>,
    pub(super) ready: Instant,
}

/// One image of a batch, its pixels gone into the tensor.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) ticket: Ticket,
    /// The image as it was decoded, when it is to be shown.
    pub(super) image: Option<Image>,
    pub(super) letterbox: Letterbox,
    pub(super) stamps: Stamps,
}

/// When an image passed each point of the pipeline before inference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps {
    pub(super) received: Instant,
    pub(super) decode_started: Instant,
    pub(super) decoded: Instant,
    pub(super) prepared: Instant,
    pub(super) batched: Instant,
    /// Spent on writing into the tensor.
    pub(super) normalise: Duration,
}

/// Gathers prepared images into the free one of two tensors, while the model works on the other.
pub(super) struct Batcher {
    pub(super) prepared: Receiver<Prepared>,
    /// How many of them wait.
    pub(super) waiting: Arc<AtomicUsize>,
    /// Tensors that the model is done with: to have one is to have a place in line before the model.
    pub(super) free: Receiver<Vec<f32>>,
    pub(super) batches: Sender<Batch>,
    pub(super) normaliser: Normaliser,
    pub(super) pace: Arc<Pace>,
    pub(super) spare_items: Spare<Item>,
}

impl Batcher {
    /// Works until no more images come, or the model has ended.
    pub(super) fn run(self) {
        while let Ok(mut tensor) = self.free.recv() {
            let Some(items) = self.gather(&mut tensor) else {
                return;
            };
            if self.batches.send(Batch { tensor, items, ready: Instant::now() }).is_err() {
                return;
            }
        }
    }

    /// Waits for one image, then takes all that wait already; `None` when no more come.
    fn gather(&self, tensor: &mut [f32]) -> Option<Vec<Item>> {
        let slots = tensor.chunks_exact_mut(self.normaliser.slot_len());
        let mut items = self.spare_items.take();
        for slot in slots {
            let Some(prepared) = self.next(items.is_empty()) else {
                break;
            };
            items.push(self.place(prepared, slot));
        }
        (!items.is_empty()).then_some(items)
    }

    /// The next image that is still wanted; `None` when there is none, now or, if it may `wait`, ever.
    fn next(&self, wait: bool) -> Option<Prepared> {
        loop {
            let prepared = if wait { self.prepared.recv().ok()? } else { self.prepared.try_recv().ok()? };
            self.waiting.fetch_sub(1, Relaxed);
            let now = Instant::now();
            if !prepared.job.is_expired(now, self.pace.done(now, wait)) {
                return Some(prepared);
            }
            prepared.job.give_up(DropReason::Expired, DetectError::Expired);
        }
    }

    fn place(&self, prepared: Prepared, slot: &mut [f32]) -> Item {
        let Prepared { job, image, shown, place, decode_started, decoded, ready } = prepared;
        drop(place);
        let Job { origin, ticket, received, .. } = job;
        let batched = Instant::now();
        self.normaliser.write(&image, slot);
        let stamps = Stamps {
            received,
            decode_started,
            decoded,
            prepared: ready,
            batched,
            normalise: batched.elapsed(),
        };
        Item { origin, ticket, image: shown, letterbox: *image.letterbox(), stamps }
    }
}
