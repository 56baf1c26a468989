//! What passes through the pipeline, for tests.

use std::sync::Arc;

use super::{Detected, Search, Served, Timings};
use crate::{
    inference::LoadedModel,
    model::{ClassSet, fixture},
};

/// A search for everything that a model without sessions knows.
pub(crate) fn search() -> Search {
    let served =
        Arc::new(Served::new(LoadedModel { model: fixture::model(&["person"]), sessions: Vec::new() }));
    Search { vocabulary: served.vocabulary(), served, classes: ClassSet::all() }
}

/// An image of a model with these labels in which nothing was found.
pub(crate) fn detected(labels: &[&str]) -> Detected {
    Detected {
        model: Arc::new(fixture::model(labels)),
        vocabulary: Arc::new(fixture::vocabulary(labels)),
        detections: Vec::new(),
        width: 768,
        height: 576,
        timings: Timings::default(),
    }
}
