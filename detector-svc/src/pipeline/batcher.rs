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
    served::Served,
};
use crate::{
    image::Image,
    ledger::{DropReason, Ticket},
    model::Vocabulary,
    preprocess::{Letterbox, SlotMut, Tensor},
    spare::Spare,
};

/// Images ready for one run of the model.
#[derive(Debug)]
pub(super) struct Batch {
    /// Which batch it is, from 0 on.
    pub(super) number: u64,
    /// The model that it is for.
    pub(super) served: Arc<Served>,
    /// What all its images are searched for.
    pub(super) vocabulary: Arc<Vocabulary>,
    /// Slots of the input tensor, of which the first `items.len()` hold an image.
    pub(super) tensor: Tensor,
    pub(super) items: Vec<Item>,
    /// Where each image lies in its slot.
    pub(super) letterboxes: Vec<Letterbox>,
    pub(super) ready: Instant,
}

/// One image of a batch, its pixels gone into the tensor.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) ticket: Ticket,
    /// The image as it was decoded, when it is to be shown or to be segmented.
    pub(super) image: Option<Image>,
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

/// Gathers prepared images into a free tensor, while the model works on the others.
pub(super) struct Batcher {
    pub(super) prepared: Receiver<Prepared>,
    /// How many of them wait.
    pub(super) waiting: Arc<AtomicUsize>,
    /// Tensors that the model is done with, or leave to make one: to have it is to have a place in line before the model.
    pub(super) free: Receiver<Option<Tensor>>,
    pub(super) batches: Sender<Batch>,
    pub(super) pace: Arc<Pace>,
    pub(super) spare_items: Spare<Item>,
    pub(super) spare_letterboxes: Spare<Letterbox>,
    /// An image that did not fit into the last batch: it is for another model, or searched for something else.
    pub(super) held: Option<Prepared>,
}

impl Batcher {
    /// Works until no more images come, or the model has ended.
    pub(super) fn run(mut self) {
        let mut number = 0;
        while let Ok(tensor) = self.free.recv() {
            let Some(first) = self.next(true) else {
                return;
            };
            let batch = self.gather(number, first, tensor);
            if self.batches.send(batch).is_err() {
                return;
            }
            number += 1;
        }
    }

    /// Takes the first image and all that wait already and go with it.
    fn gather(&mut self, number: u64, first: Prepared, tensor: Option<Tensor>) -> Batch {
        let (served, vocabulary) = (Arc::clone(&first.served), Arc::clone(&first.vocabulary));
        let slot_len = served.normaliser.slot_len();
        let mut tensor = fitting(&served, tensor);
        let (mut items, mut letterboxes) = (self.spare_items.take(), self.spare_letterboxes.take());
        letterboxes.clear();
        let mut next = Some(first);
        while let Some(prepared) = next {
            if !prepared.goes_with(&served, &vocabulary) {
                self.held = Some(prepared);
                break;
            }
            let Some(slot) = tensor.slot(items.len(), slot_len) else {
                self.held = Some(prepared);
                break;
            };
            letterboxes.push(*prepared.image.letterbox());
            items.push(place(prepared, slot));
            next = if items.len() < served.model.batch.max { self.next(false) } else { None };
        }
        Batch { number, served, vocabulary, tensor, items, letterboxes, ready: Instant::now() }
    }

    /// The next image that is still wanted; `None` when there is none, now or, if it may `wait`, ever.
    fn next(&mut self, wait: bool) -> Option<Prepared> {
        loop {
            let prepared = match self.held.take() {
                Some(held) => held,
                None => self.receive(wait)?,
            };
            let now = Instant::now();
            if !prepared.job.is_expired(now, self.pace.done(now, wait)) {
                return Some(prepared);
            }
            prepared.job.give_up(DropReason::Expired, DetectError::Expired);
        }
    }

    fn receive(&self, wait: bool) -> Option<Prepared> {
        let prepared = if wait { self.prepared.recv().ok()? } else { self.prepared.try_recv().ok()? };
        self.waiting.fetch_sub(1, Relaxed);
        Some(prepared)
    }
}

/// The tensor, when it is one for the model's largest batch; another otherwise.
fn fitting(served: &Served, tensor: Option<Tensor>) -> Tensor {
    let (spec, batch) = (served.normaliser.spec(), served.model.batch);
    let len = spec.len() * batch.slots();
    match tensor {
        Some(tensor) if tensor.is(spec.element, len) => tensor,
        _ => Tensor::zeros(spec.element, len),
    }
}

fn place(prepared: Prepared, slot: SlotMut<'_>) -> Item {
    let Prepared { job, served, image, kept, place, decode_started, decoded, ready, .. } = prepared;
    drop(place);
    let Job { origin, ticket, received, .. } = job;
    let batched = Instant::now();
    served.normaliser.write(&image, slot);
    let stamps =
        Stamps { received, decode_started, decoded, prepared: ready, batched, normalise: batched.elapsed() };
    Item { origin, ticket, image: kept, stamps }
}
