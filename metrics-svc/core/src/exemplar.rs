//! Exemplars: one traced event that stands for the others of its counter or bucket.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// A traced event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// Identifier of the trace that the event belongs to.
    pub trace_id: [u8; 16],
    /// The event's value.
    pub value: f64,
    /// When it was applied.
    pub time: UnixTime,
}

/// The latest exemplars of a series, one for each of its samples that may have one.
#[derive(Debug)]
pub(crate) struct Exemplars(Mutex<Box<[Option<Exemplar>]>>);

impl Exemplars {
    /// Room for `samples` of them.
    pub(crate) fn new(samples: usize) -> Self {
        Self(Mutex::new(vec![None; samples].into()))
    }

    /// Replaces that of a sample. Whoever comes while another writes is passed over: any exemplar will do, and none is
    /// worth waiting for.
    pub(crate) fn offer(&self, sample: usize, exemplar: Exemplar) {
        if let Some(mut all) = self.0.try_lock()
            && let Some(slot) = all.get_mut(sample)
        {
            *slot = Some(exemplar);
        }
    }

    pub(crate) fn read(&self) -> Box<[Option<Exemplar>]> {
        self.0.lock().clone()
    }
}
