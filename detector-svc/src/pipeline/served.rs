//! The model in service, and how another takes its place.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;

use crate::{
    image::FASTEST_ORDER,
    inference::{LoadedModel, Provider, Session},
    model::{Model, Vocabulary},
    preprocess::Normaliser,
};

/// A model in service. Every image keeps the one that it was prepared for, so that another can take over between two
/// images and none is lost.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) model: Arc<Model>,
    pub(crate) provider: Provider,
    pub(super) normaliser: Normaliser,
    /// One for each inference thread, taken when the thread first needs it.
    sessions: ArrayQueue<Session>,
    /// What streams are searched for.
    vocabulary: ArcSwap<Vocabulary>,
}

/// The model that images are prepared for; cheap to clone, the clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current(Arc<ArcSwap<Served>>);

impl Served {
    /// Puts a model into service.
    pub(crate) fn new(loaded: LoadedModel) -> Self {
        let LoadedModel { model, sessions } = loaded;
        let queue = ArrayQueue::new(sessions.len().max(1));
        let provider = sessions.first().map_or(Provider::Cpu, Session::provider);
        // The queue has room for all.
        sessions.into_iter().for_each(|session| drop(queue.push(session)));
        Self {
            normaliser: Normaliser::new(model.input.clone(), FASTEST_ORDER),
            vocabulary: ArcSwap::new(Arc::clone(&model.vocabulary)),
            model: Arc::new(model),
            provider,
            sessions: queue,
        }
    }

    /// A session that no thread has yet.
    pub(super) fn take_session(&self) -> Option<Session> {
        self.sessions.pop()
    }

    /// What streams are searched for at present.
    pub(crate) fn vocabulary(&self) -> Arc<Vocabulary> {
        self.vocabulary.load_full()
    }

    /// Has streams searched for something else from the next frame on.
    pub(crate) fn set_vocabulary(&self, vocabulary: Arc<Vocabulary>) {
        self.vocabulary.store(vocabulary);
    }
}

impl Current {
    pub(super) fn new(served: Served) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(served)))
    }

    /// The model that the next image is prepared for.
    pub(crate) fn load(&self) -> Arc<Served> {
        self.0.load_full()
    }

    /// Has another model take over from the next image on.
    pub(crate) fn replace(&self, served: Served) {
        self.0.store(Arc::new(served));
    }
}
