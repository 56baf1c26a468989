//! The model in service, and how another takes its place.

use std::{collections::VecDeque, sync::Arc};

use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;
use parking_lot::Mutex;

use crate::{
    image::FASTEST_ORDER,
    inference::{LoadedModel, Provider, Session},
    model::{Model, Vocabulary, VocabularyError},
    preprocess::Normaliser,
};

/// Vocabularies that are kept of those that callers have asked for.
const KEPT: usize = 32;

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
    /// What callers have asked for, the latest at the front.
    asked: Mutex<VecDeque<Arc<Vocabulary>>>,
}

/// The model that images are prepared for; cheap to clone, the clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    served: Arc<ArcSwap<Served>>,
    /// Held while what streams are searched for changes, or the model, which takes that over.
    changing: Arc<Mutex<()>>,
}

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
            asked: Mutex::default(),
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

    /// What is searched for when these labels are. It is the same one for the same labels, so that images of several
    /// callers go in one batch.
    ///
    /// # Errors
    /// [`VocabularyError`]: the model cannot be asked for these labels.
    pub(crate) fn vocabulary_of(&self, labels: &[String]) -> Result<Arc<Vocabulary>, VocabularyError> {
        if let Some(known) = self.known(labels) {
            return Ok(known);
        }
        // Not under the lock: it takes a while.
        let made = Arc::new(self.model.vocabulary(labels)?);
        let mut asked = self.asked.lock();
        asked.push_front(Arc::clone(&made));
        asked.truncate(KEPT);
        Ok(made)
    }

    fn known(&self, labels: &[String]) -> Option<Arc<Vocabulary>> {
        let current = self.vocabulary();
        if current.labels[..] == *labels {
            return Some(current);
        }
        let mut asked = self.asked.lock();
        let index = asked.iter().position(|known| known.labels[..] == *labels)?;
        let known = asked.remove(index)?;
        asked.push_front(Arc::clone(&known));
        Some(known)
    }

    /// Has streams searched for what they were with the model before, if somebody has asked for that.
    fn take_over(&self, before: &Self) {
        let told = before.vocabulary();
        if Arc::ptr_eq(&told, &before.model.vocabulary) || !self.model.is_open_vocabulary() {
            return;
        }
        match self.vocabulary_of(&told.labels) {
            Ok(vocabulary) => self.set_vocabulary(vocabulary),
            Err(error) => {
                tracing::warn!(model = self.model.id, %error, "streams are searched for the model's own labels again");
            }
        }
    }
}

impl Current {
    pub(super) fn new(served: Served) -> Self {
        Self { served: Arc::new(ArcSwap::from_pointee(served)), changing: Arc::default() }
    }

    /// The model that the next image is prepared for.
    pub(crate) fn load(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Has streams searched for these labels from the next image on.
    pub(crate) fn set_vocabulary(&self, labels: &[String]) -> Result<(), VocabularyError> {
        let _changing = self.changing.lock();
        let served = self.load();
        served.set_vocabulary(served.vocabulary_of(labels)?);
        Ok(())
    }

    /// Has another model take over from the next image on.
    pub(crate) fn replace(&self, served: Served) {
        let _changing = self.changing.lock();
        served.take_over(&self.load());
        self.served.store(Arc::new(served));
    }
}
